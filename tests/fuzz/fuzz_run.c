/* All the way: hostile program text, or a hostile Model with a small weight file, to predictions on
 * every backend.
 *
 * Texts are also changed word by word (see mutate.h), since changes of bytes hardly ever leave a
 * program that loads. Memory and time of a prediction are bounded, so that whatever takes long is a
 * finding.
 */
#include <stdlib.h>
#include <string.h>

#include "exercise.h"
#include "mutate.h"

#define PARSE_MEMORY    ((size_t)16 << 20)
#define MEMORY_OF_A_RUN ((size_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
/* libFuzzer's; not there when a corpus is replayed. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* fp32 [1, 2] at offset 64. */
static const _Alignas(64) uint8_t weights[192] = {
    [0] = 1, [4] = 2,  [64] = 0xef, 0xbe,         0xad,         0xde,
    2,       [72] = 8, [80] = 128,  [130] = 0x80, [131] = 0x3f, [135] = 0x40};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
  uint64_t random = seed + 1u;
  bool text = size > 8 && memcmp(data, "program(", 8) == 0 && max_size > size;
  if (text && exercise_random(&random) % 4 > 0)
    return mutate_text((char *)data, size, max_size, &random);
  return LLVMFuzzerMutate ? LLVMFuzzerMutate(data, size, max_size) : size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pome_model_options options;
  pome_model_options_init(&options);
  options.max_parse_memory = PARSE_MEMORY;
  pome_model *model = NULL;
  if (size == 0 || pome_model_open_memory(data, size, weights, sizeof weights, &options, &model,
                                          NULL) != POME_OK)
    return 0;
  exercise e = {.random = size, .memory = MEMORY_OF_A_RUN, .milliseconds = 20, .predictions = 2};
  exercise_model(&e, model);
  pome_model_close(model);
  return 0;
}
