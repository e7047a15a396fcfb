/* A tokenizer.json as the metadata of a GGUF file, by the rules of llama.cpp's converter. */
#ifndef POME_TESTS_UNIT_GGUF_CONVERT_H
#define POME_TESTS_UNIT_GGUF_CONVERT_H

#include <jansson.h>

#include "gguf_writer.h"

/* What the converter knows besides the file. */
typedef struct gguf_family {
  const char *model;        /* tokenizer.ggml.model */
  const char *pre;          /* tokenizer.ggml.pre, or NULL */
  const char *bos, *eos;    /* texts, or NULL */
  int add_bos, add_eos;     /* -1: not written */
  int space_prefix, spaces; /* add_space_prefix, remove_extra_whitespaces; -1: not written */
} gguf_family;

/* Writes a whole file, without tensors. */
void gguf_from_tokenizer(gguf_writer *w, const json_t *tokenizer, const gguf_family *family);

#endif
