// Ids that the Hugging Face tokenizers library for JavaScript gives: {tokenizer, texts} on stdin, a list for each text on stdout.
import { readFileSync } from "node:fs";
import { Tokenizer } from "@huggingface/tokenizers";

const { tokenizer, texts } = JSON.parse(readFileSync(0, "utf8"));
const reference = new Tokenizer(tokenizer, {});
console.log(JSON.stringify(texts.map(text => reference.encode(text, { add_special_tokens: false }).ids)));
