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

/* The template of a family of models without one, told by the special tokens of the vocabulary;
 * NULL when no family is recognised. `has` answers whether a token is there. */
const char *pome__template_of_family(bool (*has)(void *context, const char *token), void *context);

#endif
