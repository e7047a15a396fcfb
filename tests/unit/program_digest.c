/* The text goes straight into the digest, FNV-1a of 64 bits. */
#include "program_digest.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many bytes of a literal's data count. */
#define HASHED    256
#define FNV_START 0xcbf29ce484222325u

typedef struct digest {
  program_digest result;
  bool with_blobs;
} digest;

static uint64_t fnv(uint64_t hash, const void *data, size_t size) {
  for (size_t i = 0; i < size; i++) hash = (hash ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
  return hash;
}

static void say(digest *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(digest *d, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  if (length < 0 || (size_t)length >= sizeof(text)) abort();
  d->result.hash = fnv(d->result.hash, text, (size_t)length);
}

static void say_size(digest *d, int64_t size) {
  if (size < 0) say(d, "?");
  else say(d, "%" PRId64, size);
}

static void say_type(digest *d, const pome__type *type) {
  switch (type->kind) {
  case POME__TYPE_TENSOR:
    say(d, "%s[", pome_dtype_name(type->dtype));
    if (type->rank < 0) say(d, "?");
    for (int32_t i = 0; i < type->rank; i++) {
      if (i > 0) say(d, ",");
      say_size(d, type->dims[i]);
    }
    say(d, "]");
    return;
  case POME__TYPE_LIST:
    say(d, "list<");
    say_type(d, type->elements[0]);
    say(d, ",");
    say_size(d, type->length);
    break;
  case POME__TYPE_TUPLE:
    say(d, "tuple<");
    for (size_t i = 0; i < type->element_count; i++) {
      say_type(d, type->elements[i]);
      say(d, ";");
    }
    break;
  case POME__TYPE_DICT:
    say(d, "dict<");
    say_type(d, type->elements[0]);
    say(d, ";");
    say_type(d, type->elements[1]);
    break;
  case POME__TYPE_STATE:
    say(d, "state<");
    say_type(d, type->elements[0]);
    break;
  }
  say(d, ">");
}

/* Strings count as their text, each with a NUL behind it. */
static void say_strings(digest *d, const pome__literal *literal) {
  const pome_string *strings = literal->data;
  size_t count = literal->bytes / sizeof(*strings), size = 0;
  uint64_t hash = FNV_START;
  for (size_t i = 0; i < count; i++) {
    for (size_t k = 0; k <= strings[i].size; k++, size++) {
      const char byte = k < strings[i].size ? strings[i].data[k] : '\0';
      if (size < HASHED) hash = fnv(hash, &byte, 1);
    }
  }
  say(d, "%zu:%" PRIx64, size, hash);
}

static void say_literal(digest *d, const pome__literal *literal) {
  say_type(d, &literal->type);
  say(d, "=");
  if (literal->type.kind != POME__TYPE_TENSOR) {
    say(d, "(");
    for (size_t i = 0; i < literal->item_count; i++) {
      say_literal(d, literal->items[i]);
      say(d, ";");
    }
    say(d, ")");
    return;
  }
  if (literal->type.dtype == POME_STRING) {
    say_strings(d, literal);
    return;
  }
  bool blob = literal->blob_offset != POME_NO_OFFSET;
  size_t hashed = literal->bytes < HASHED ? literal->bytes : HASHED;
  if (blob) say(d, "@%" PRIu64 ":", literal->blob_offset);
  say(d, "%zu:", literal->bytes);
  if (!blob || d->with_blobs) say(d, "%" PRIx64, fnv(FNV_START, literal->data, hashed));
}

static void say_value(digest *d, const char *what, const pome__value *value) {
  say(d, "%s %s ", what, value->name);
  say_type(d, &value->type);
  say(d, "\n");
}

static int compare_args(const void *left, const void *right) {
  return strcmp((*(const pome__arg *const *)left)->name, (*(const pome__arg *const *)right)->name);
}

static void say_args(digest *d, const pome__op *op) {
  const pome__arg *sorted[256];
  if (op->arg_count > 256) abort();
  for (size_t i = 0; i < op->arg_count; i++) sorted[i] = &op->args[i];
  qsort(sorted, op->arg_count, sizeof(sorted[0]), compare_args);
  for (size_t i = 0; i < op->arg_count; i++) {
    say(d, "%s %s", sorted[i]->attribute ? "att" : "arg", sorted[i]->name);
    for (size_t k = 0; k < sorted[i]->count; k++) {
      const pome__value *value = sorted[i]->values[k];
      say(d, " %s", value->name);
      if (value->name[0] == '\0') say_literal(d, value->literal);
    }
    say(d, "\n");
  }
}

static void say_block(digest *d, const pome__block *block) {
  say(d, "block\n");
  for (size_t i = 0; i < block->input_count; i++) say_value(d, "in", block->inputs[i]);
  for (size_t i = 0; i < block->op_count; i++) {
    const pome__op *op = block->ops[i];
    d->result.ops++;
    d->result.outputs += op->output_count;
    say(d, "op %s %s\n", op->type, op->name);
    say_args(d, op);
    for (size_t k = 0; k < op->block_count; k++) say_block(d, op->blocks[k]);
    for (size_t k = 0; k < op->output_count; k++) say_value(d, "out", op->outputs[k]);
  }
  say(d, "end");
  for (size_t i = 0; i < block->output_count; i++) say(d, " %s", block->outputs[i]->name);
  say(d, "\n");
}

static int compare_functions(const void *left, const void *right) {
  return strcmp((*(pome__function *const *)left)->name, (*(pome__function *const *)right)->name);
}

program_digest program_digest_of(const pome__program *program, bool with_blobs) {
  digest d = {.result = {.hash = FNV_START}, .with_blobs = with_blobs};
  pome__function **functions = calloc(program->function_count, sizeof(*functions));
  if (!functions) abort();
  memcpy(functions, program->functions, program->function_count * sizeof(*functions));
  qsort(functions, program->function_count, sizeof(*functions), compare_functions);
  for (size_t i = 0; i < program->function_count; i++) {
    say(&d, "function %s %s\n", functions[i]->name, pome__opset_name(functions[i]->opset));
    for (size_t k = 0; k < functions[i]->input_count; k++)
      say_value(&d, "in", functions[i]->inputs[k]);
    say_block(&d, functions[i]->body);
  }
  free(functions);
  return d.result;
}
