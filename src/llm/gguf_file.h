/* What a GGUF file says about text: read where a tokenizer, a chat template or stops are opened. */
#ifndef POME_SRC_LLM_GGUF_FILE_H
#define POME_SRC_LLM_GGUF_FILE_H

#include "wire/gguf.h"

typedef struct pome__gguf_file {
  pome__blob blob; /* mapped: the data of tensors is never touched */
  pome__arena arena;
  pome__gguf gguf;
} pome__gguf_file;

/* Nothing is left to close on failure. */
pome_status pome__gguf_file_open(const char *path, const pome_allocator *allocator,
                                 pome__gguf_file *file, pome_error *error);
void pome__gguf_file_close(pome__gguf_file *file);

#define POME__GGUF_TOKENS "tokenizer.ggml.tokens"
#define POME__GGUF_TYPES  "tokenizer.ggml.token_type"

/* The array of strings or numbers under that key; NULL when it is not there. POME_INPUT when it is
 * something else. */
pome_status pome__gguf_strings(const pome__gguf *gguf, const char *key,
                               const pome__gguf_value **array, pome_error *error);
pome_status pome__gguf_numbers(const pome__gguf *gguf, const char *key,
                               const pome__gguf_value **array, pome_error *error);
/* A text; data NULL when it is not there. POME_INPUT when it is something else or not UTF-8. */
pome_status pome__gguf_text(const pome__gguf *gguf, const char *key, pome_string *text,
                            pome_error *error);
/* The id under tokenizer.ggml.ROLE_token_id ("bos", "eos", "eot" ...); -1 when there is none within
 * the vocabulary. */
int32_t pome__gguf_token_id(const pome__gguf *gguf, const char *role);

#endif
