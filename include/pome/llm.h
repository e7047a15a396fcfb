/* pome/llm.h: language models: tokenizer, sampler, model bundle and session.
 *
 * A bundle is a folder with a stateful program (functions `prefill` and `decode`, or one of them),
 * a tokenizer.json and a config.json. A session is one timeline of tokens with its KV cache.
 */
#ifndef POME_LLM_H
#define POME_LLM_H

#include <pome/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- tokenizer: Hugging Face tokenizer.json, byte-level BPE ---- */

typedef struct pome_tokenizer pome_tokenizer;

/* Reads a tokenizer.json. POME_UNSUPPORTED names the part that is not understood. Immutable,
 * shareable. */
POME_API pome_status pome_tokenizer_open(const char *path, const pome_allocator *allocator,
                                         pome_tokenizer **tokenizer, pome_error *error);
POME_API void pome_tokenizer_close(pome_tokenizer *tokenizer);
POME_API size_t pome_tokenizer_vocab_size(const pome_tokenizer *tokenizer);

/* Encodes `size` bytes of text; added special tokens in the text are recognised. Writes up to
 * `capacity` ids and always sets `*count` to how many the text has: call again with more room when
 * count > capacity. */
POME_API pome_status pome_tokenizer_encode(const pome_tokenizer *tokenizer, const char *text,
                                           size_t size, int32_t *ids, size_t capacity,
                                           size_t *count, pome_error *error);
/* The bytes of one token (special tokens: their text). Not NUL-terminated; lives as long as the
 * tokenizer. An id outside the vocabulary gives an empty string. */
POME_API pome_string pome_tokenizer_piece(const pome_tokenizer *tokenizer, int32_t id);
POME_API bool pome_tokenizer_is_special(const pome_tokenizer *tokenizer, int32_t id);
/* The id of the token whose text is exactly that, or -1. */
POME_API int32_t pome_tokenizer_find(const pome_tokenizer *tokenizer, const char *text,
                                     size_t size);

/* ---- sampler ---- */

typedef struct pome_sampler_options {
  size_t size;
  float temperature; /* 0: greedy, the lowest id among equals */
  int top_k;         /* 0: all */
  float top_p;       /* 1: all */
  uint64_t seed;     /* same seed, same choices on every machine */
} pome_sampler_options;
POME_API void pome_sampler_options_init(pome_sampler_options *options);

typedef struct pome_sampler pome_sampler;
POME_API pome_status pome_sampler_create(const pome_sampler_options *options, size_t vocab_size,
                                         const pome_allocator *allocator, pome_sampler **sampler,
                                         pome_error *error);
POME_API void pome_sampler_free(pome_sampler *sampler);
/* Chooses a token from `vocab_size` logits. POME_INPUT when every logit is NaN or minus infinity.
 */
POME_API pome_status pome_sampler_choose(pome_sampler *sampler, const float *logits, int32_t *id,
                                         pome_error *error);

/* ---- model bundle and session ---- */

typedef struct pome_llm pome_llm;
typedef struct pome_session pome_session;

typedef struct pome_llm_options {
  size_t size;
  pome_model_options model;
  pome_plan_options plan;
} pome_llm_options;
POME_API void pome_llm_options_init(pome_llm_options *options);

/* Opens and compiles a bundle folder. */
POME_API pome_status pome_llm_open(const char *path, const pome_llm_options *options,
                                   pome_llm **llm, pome_error *error);
/* Every session must be freed before. */
POME_API void pome_llm_close(pome_llm *llm);
POME_API const pome_model *pome_llm_model(const pome_llm *llm);
POME_API const pome_tokenizer *pome_llm_tokenizer(const pome_llm *llm);
POME_API const pome_plan *pome_llm_decode_plan(const pome_llm *llm);
POME_API size_t pome_llm_context(const pome_llm *llm);
POME_API size_t pome_llm_vocab_size(const pome_llm *llm);
POME_API int32_t pome_llm_eos(const pome_llm *llm); /* -1: none */
POME_API int32_t pome_llm_bos(const pome_llm *llm); /* -1: none */

POME_API pome_status pome_session_create(pome_llm *llm, pome_session **session, pome_error *error);
POME_API void pome_session_free(pome_session *session);

/* Makes the session's timeline equal to these tokens: keeps the common prefix, feeds the rest in
 * the largest batches the model has. Afterwards `*logits` points at vocab_size values for the token
 * that follows, valid until the next call. POME_INPUT when count is 0, over the context, or an id
 * is out of range. */
POME_API pome_status pome_session_sync(pome_session *session, const int32_t *tokens, size_t count,
                                       const float **logits, pome_error *error);
/* How many tokens the timeline holds. */
POME_API size_t pome_session_length(const pome_session *session);
/* Stops a sync going on, from any thread or a signal handler. */
POME_API void pome_session_cancel(pome_session *session);
/* Largest batch that one prediction may feed: the model's prefill length by default; 1: token by
 * token. */
POME_API void pome_session_set_batch(pome_session *session, size_t tokens);

#ifdef __cplusplus
}
#endif
#endif
