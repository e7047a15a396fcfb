/* See stored.h. */
#include "stored.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "ops/ops.h"
#include "package/package.h"
#include "text_model.h"
#include "tiny_model.h"

static size_t mark_literal(const pome__literal *literal) {
  bool fits = literal->type.kind == POME__TYPE_TENSOR && literal->type.rank > 0 &&
              literal->blob_offset == POME_NO_OFFSET &&
              pome__weight_type_of(literal->type.dtype) != 0;
  if (!fits) return 0;
  ((pome__literal *)(uintptr_t)literal)->blob_offset = 0;
  return 1;
}

static size_t mark_op(const pome__op *op) {
  size_t marked = 0;
  for (size_t a = 0; op->schema->kind == POME__OP_CONSTEXPR && a < op->arg_count; a++) {
    for (size_t i = 0; i < op->args[a].count; i++) {
      const pome__literal *literal = op->args[a].values[i]->literal;
      if (literal != NULL) marked += mark_literal(literal);
    }
  }
  return marked;
}

size_t stored_mark(pome__program *program) {
  size_t marked = 0;
  for (size_t f = 0; f < program->function_count; f++) {
    const pome__block *body = program->functions[f]->body;
    for (size_t i = 0; i < body->op_count; i++) marked += mark_op(body->ops[i]);
  }
  return marked;
}

pome_model *stored_open(const pome_model *model) {
  char folder[256], path[300];
  pome_error error = {0};
  pome_model_options options;
  pome_model *again = NULL;
  pome_model_options_init(&options);
  options.copy = true;
  tiny_folder(folder, sizeof folder);
  snprintf(path, sizeof path, "%s/stored.mlpackage", folder);
  pome_status status = pome_model_save(model, path, NULL, &error);
  if (status == POME_OK) status = pome_model_open(path, &options, &again, &error);
  tiny_remove(folder);
  check_ok(status, &error);
  return again;
}
