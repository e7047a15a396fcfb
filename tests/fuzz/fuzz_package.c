/* Hostile Model messages (and compiled descriptions): what loads must be wholly readable, literal
 * by literal.
 *
 * Programs may refer to a small weight file with one record of every type, 128 bytes apart.
 */
#include <string.h>

#include "load/load.h"

#define MEMORY_CEILING ((size_t)64 << 20)
#define RECORD_COUNT   17
#define STRIDE         128

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(64) uint8_t weights[64 + RECORD_COUNT * STRIDE];

/* Sixteen bytes for each record. */
static void make_weights(void) {
  weights[4] = 2;
  for (size_t i = 0; i < RECORD_COUNT; i++) {
    uint8_t *record = weights + 64 + i * STRIDE;
    size_t start = 64 + i * STRIDE + 64;
    memcpy(record, "\xef\xbe\xad\xde", 4);
    record[4] = (uint8_t)(i + 1);
    record[8] = 16;
    record[16] = (uint8_t)start;
    record[17] = (uint8_t)(start >> 8);
    for (size_t k = 0; k < 16; k++) record[64 + k] = (uint8_t)(i * 16 + k);
  }
}

static volatile uint64_t sum;

static void touch(const void *data, size_t size) {
  for (size_t i = 0; i < size; i++) sum += ((const uint8_t *)data)[i];
}

static void touch_literal(const pome__literal *literal) {
  for (size_t i = 0; i < literal->item_count; i++) touch_literal(literal->items[i]);
  if (!literal->data) return; /* in a weight file that is not there, or empty */
  touch(literal->data, literal->bytes);
  if (literal->type.kind != POME__TYPE_TENSOR || literal->type.dtype != POME_STRING) return;
  const pome_string *strings = literal->data;
  for (size_t i = 0; i < literal->bytes / sizeof(*strings); i++)
    touch(strings[i].data, strings[i].size);
}

static void touch_block(const pome__block *block) {
  for (size_t i = 0; i < block->op_count; i++) {
    const pome__op *op = block->ops[i];
    for (size_t k = 0; k < op->arg_count; k++)
      for (size_t v = 0; v < op->args[k].count; v++)
        if (op->args[k].values[v]->literal) touch_literal(op->args[k].values[v]->literal);
    for (size_t k = 0; k < op->block_count; k++) touch_block(op->blocks[k]);
  }
}

static void touch_ports(const pome_port *ports, size_t count) {
  for (size_t i = 0; i < count; i++) {
    touch(ports[i].name, strlen(ports[i].name));
    touch(ports[i].description, strlen(ports[i].description));
    touch(ports[i].shapes, ports[i].shape_count * sizeof(*ports[i].shapes));
  }
}

static void touch_description(const pome__description *description) {
  for (size_t i = 0; i < description->function_count; i++) {
    const pome__function_description *function = &description->functions[i];
    touch_ports(function->inputs, function->input_count);
    touch_ports(function->outputs, function->output_count);
    touch_ports(function->states, function->state_count);
  }
  for (size_t i = 0; i < 2 * description->metadata_count; i++)
    touch(description->metadata[i], strlen(description->metadata[i]));
}

static void try_compiled(pome__bytes file) {
  pome__arena arena;
  pome__description description;
  pome__arena_init(&arena, NULL, MEMORY_CEILING);
  if (pome__coremldata_parse(file, &arena, &description, NULL) == POME_OK)
    touch_description(&description);
  pome__arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (weights[4] == 0) make_weights();
  pome__bytes file = {data, size};
  pome_error error = {0};
  pome__package *package = NULL;
  pome__program *program = NULL;
  try_compiled(file);
  if (pome__package_open_memory(file, (pome__bytes){weights, sizeof(weights)}, NULL, &package,
                                &error) != POME_OK)
    return 0;
  touch_description(&package->description);
  if (pome__load_program(package, NULL, MEMORY_CEILING, &program, &error) == POME_OK)
    for (size_t i = 0; program != NULL && i < program->function_count; i++)
      touch_block(program->functions[i]->body);
  pome__program_free(program);
  pome__package_close(package);
  return 0;
}
