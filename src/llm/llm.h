/* The language-model objects from inside. */
#ifndef POME_SRC_LLM_LLM_H
#define POME_SRC_LLM_LLM_H

#include <pome/llm.h>

#include "base/error.h"
#include "base/memory.h"

/* One function of the program: feeds `tokens` tokens at once. */
typedef struct pome__stage {
  const pome_function *function;
  pome_plan *plan;
  size_t tokens;
} pome__stage;

struct pome_llm {
  const pome_allocator *allocator;
  pome_model *model;
  pome_tokenizer *tokenizer;
  pome__stage prefill; /* plan NULL when the model has none */
  pome__stage decode;
  size_t context;
  size_t vocab_size;
  int32_t bos, eos;
};

/* Names of the ports, as models with a fixed causal mask have them. */
#define POME__PORT_IDS       "input_ids"
#define POME__PORT_POSITIONS "position_ids"
#define POME__PORT_MASK      "causal_mask"
#define POME__PORT_CURRENT   "current_pos"
#define POME__PORT_LOGITS    "logits"

#endif
