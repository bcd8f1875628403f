// Ids that the Hugging Face tokenizers library gives: a list of {tokenizer, texts} on stdin, a list of lists of ids on stdout.
import { readFileSync } from "node:fs";
import tokenizers from "tokenizers";

const requests = JSON.parse(readFileSync(0, "utf8"));
const answers = [];
for (const { tokenizer, texts } of requests) {
  const reference = tokenizers.Tokenizer.fromString(JSON.stringify(tokenizer));
  const ids = [];
  for (const text of texts)
    ids.push((await reference.encode(text, null, { addSpecialTokens: false })).getIds());
  answers.push(ids);
}
console.log(JSON.stringify(answers));
