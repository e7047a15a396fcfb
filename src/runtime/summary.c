/* What `inspect` tells of a function: how often each operation occurs and whether anything runs it,
 * and its constants by encoding.
 */
#include <string.h>

#include "backend/backends.h"
#include "ops/ops.h"
#include "runtime/runtime.h"

/* ---- operations ---- */

/* NULL when some backend runs the operation itself (nested ones are counted on their own). */
static const char *why_unsupported(const pome__op *op) {
  static const pome__settings settings = {.threads = 1};
  pome__op alone = *op;
  alone.block_count = 0;
  if (op->schema->kind == POME__OP_CONST) return NULL;
  for (size_t i = 0; i < pome__device_count(); i++) {
    const pome__backend *backend = pome__device_at(i)->backend;
    char reason[200];
    if (backend != NULL && backend->supports(&alone, &settings, reason, sizeof reason)) return NULL;
  }
  return "not evaluated yet";
}

static void count_block(const pome__block *block, pome_function *function) {
  for (size_t i = 0; i < block->op_count; i++) {
    const pome__op *op = block->ops[i];
    size_t at = 0;
    while (at < function->op_count_count && strcmp(function->op_counts[at].type, op->type) != 0)
      at++;
    if (at == function->op_count_count) {
      function->op_counts[function->op_count_count++] =
          (pome_op_count){op->type, 0, why_unsupported(op)};
    }
    function->op_counts[at].count++;
    for (size_t b = 0; b < op->block_count; b++) count_block(op->blocks[b], function);
  }
}

/* ---- constants ---- */

static const struct {
  const char *type, *encoding;
} encodings[] = {
    {"constexpr_affine_dequantize", "affine"},
    {"constexpr_blockwise_shift_scale", "blockwise"},
    {"constexpr_cast", "cast"},
    {"constexpr_lut_to_dense", "lut"},
    {"constexpr_lut_to_sparse", "sparse lut"},
    {"constexpr_sparse_blockwise_shift_scale", "sparse blockwise"},
    {"constexpr_sparse_to_dense", "sparse"},
};

static const char *encoding_of(const pome__op *op) {
  for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++) {
    if (strcmp(op->type, encodings[i].type) == 0) return encodings[i].encoding;
  }
  return "dense";
}

typedef struct collector {
  pome_function *function; /* weights NULL: only counts */
  bool *packed;            /* by value index: a constant that a constexpr operation reads */
} collector;

static void add_weight(const collector *c, const char *name, const char *encoding,
                       const pome__literal *literal) {
  if (literal->type.kind != POME__TYPE_TENSOR || literal->type.dtype == POME_STRING) return;
  if (c->function->weights != NULL) {
    pome_tensor tensor = pome__literal_tensor(literal);
    c->function->weights[c->function->weight_count] = (pome_weight){
        name, encoding, literal->type.dtype, tensor, literal->blob_offset, literal->bytes};
  }
  c->function->weight_count++;
}

static void collect_block(const collector *c, const pome__block *block) {
  for (size_t i = 0; i < block->op_count; i++) {
    const pome__op *op = block->ops[i];
    bool packed = op->schema->kind == POME__OP_CONSTEXPR;
    for (size_t a = 0; packed && a < op->arg_count; a++) {
      for (size_t v = 0; v < op->args[a].count; v++) {
        const pome__value *value = op->args[a].values[v];
        if (value->literal != NULL)
          add_weight(c, op->outputs[0]->name, encoding_of(op), value->literal);
      }
    }
    if (op->schema->kind == POME__OP_CONST && op->output_count == 1 &&
        op->outputs[0]->literal != NULL && !c->packed[op->outputs[0]->index]) {
      add_weight(c, op->outputs[0]->name, "dense", op->outputs[0]->literal);
    }
    for (size_t b = 0; b < op->block_count; b++) collect_block(c, op->blocks[b]);
  }
}

static void mark_packed(bool *packed, const pome__block *block) {
  for (size_t i = 0; i < block->op_count; i++) {
    const pome__op *op = block->ops[i];
    for (size_t a = 0; op->schema->kind == POME__OP_CONSTEXPR && a < op->arg_count; a++) {
      for (size_t v = 0; v < op->args[a].count; v++) packed[op->args[a].values[v]->index] = true;
    }
    for (size_t b = 0; b < op->block_count; b++) mark_packed(packed, op->blocks[b]);
  }
}

pome_status pome__function_summarise(pome__arena *arena, pome_function *function,
                                     pome_error *error) {
  const pome__function *program = function->program;
  function->op_counts = POME__NEW_ARRAY(arena, pome_op_count, program->op_count);
  bool *packed = POME__NEW_ARRAY(arena, bool, program->value_count);
  if (function->op_counts == NULL || packed == NULL) return pome__fail_memory(error, "a model");
  count_block(program->body, function);
  mark_packed(packed, program->body);
  collector c = {function, packed};
  collect_block(&c, program->body);
  pome_weight *weights = POME__NEW_ARRAY(arena, pome_weight, function->weight_count);
  if (weights == NULL) return pome__fail_memory(error, "a model");
  function->weights = weights;
  function->weight_count = 0;
  collect_block(&c, program->body);
  return POME_OK;
}
