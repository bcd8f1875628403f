// Ids that the Hugging Face tokenizers library for JavaScript gives: a list of {tokenizer, texts} on stdin, a list of lists of ids on stdout.
import { readFileSync } from "node:fs";
import { Tokenizer } from "@huggingface/tokenizers";

const requests = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(requests.map(({ tokenizer, texts }) => {
  const reference = new Tokenizer(tokenizer, {});
  return texts.map(text => reference.encode(text, { add_special_tokens: false }).ids);
})));
