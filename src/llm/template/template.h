/* A chat template from inside: parsed, with the special tokens that its model gives it. */
#ifndef POME_SRC_LLM_TEMPLATE_TEMPLATE_H
#define POME_SRC_LLM_TEMPLATE_TEMPLATE_H

#include <pome/llm.h>

#include "llm/template/ast.h"

#define POME__TEMPLATE_TOKENS 7

struct pome_template {
  const pome_allocator *allocator;
  pome__arena arena; /* the tree, and the text that it points into */
  pome__tnode *body;
  size_t size;      /* of the text */
  const char *path; /* for messages, or "" */
  struct {
    const char *variable; /* "bos_token", ... */
    pome_string text;     /* data NULL: the model has none */
  } tokens[POME__TEMPLATE_TOKENS];
};

/* Parses that text as the template's. */
pome_status pome__template_set(pome_template *chat, const char *text, size_t size,
                               pome_error *error);
/* The same with the template of the family that the special tokens tell; `place` is for messages.
 * POME_UNSUPPORTED when it is none that is known. */
pome_status pome__template_set_family(pome_template *chat,
                                      bool (*has)(void *context, const char *token), void *context,
                                      const char *place, pome_error *error);
/* gguf.c: special tokens and template of a GGUF file; `name` as in pome_template_open. */
pome_status pome__template_read_gguf(pome_template *chat, const char *path, const char *name,
                                     pome_error *error);

/* The template of a family of models without one, told by the special tokens of the vocabulary;
 * NULL when no family is recognised. `has` answers whether a token is there. */
const char *pome__template_of_family(bool (*has)(void *context, const char *token), void *context);

#endif
