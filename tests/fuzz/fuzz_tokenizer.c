/* Hostile tokenizer.json: what opens encodes and decodes, and streams join to the whole. */
#include "tokenizer_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  return run(data, size, pome__tokenizer_read_json);
}
