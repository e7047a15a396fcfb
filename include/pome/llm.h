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

/* ---- tokenizer ---- */

typedef struct pome_tokenizer pome_tokenizer;

/* Reads a Hugging Face tokenizer.json, a SentencePiece tokenizer.model, a GGUF file, or a folder
 * that has one of the first two. POME_UNSUPPORTED names the part of the file that is not
 * understood. Immutable, shareable. */
POME_API pome_status pome_tokenizer_open(const char *path, const pome_allocator *allocator,
                                         pome_tokenizer **tokenizer, pome_error *error);
POME_API void pome_tokenizer_close(pome_tokenizer *tokenizer);
POME_API size_t pome_tokenizer_vocab_size(const pome_tokenizer *tokenizer);

/* Flags of encoding. */
#define POME_ENCODE_SPECIAL 1u /* add the tokens that the model wants around a text */
#define POME_ENCODE_PLAIN                                                                          \
  2u /* special tokens written in the text are text: for text that is not trusted */

/* Bytes of a text. */
typedef struct pome_span {
  size_t begin, end;
} pome_span;

/* Encodes `size` bytes of UTF-8, which may hold NUL. Anything else, and a character that the
 * vocabulary can say in no way, is POME_INPUT: nothing is left out silently. Truncation is the
 * caller's. Writes up to `capacity` ids and always sets `*count` to how many the text has: call
 * again with more room when count > capacity. */
POME_API pome_status pome_tokenizer_encode(const pome_tokenizer *tokenizer, const char *text,
                                           size_t size, int32_t *ids, size_t capacity,
                                           size_t *count, pome_error *error);
/* The same with flags. `spans` (may be NULL) gets the bytes of the text that each token stands for:
 * exact bytes, also within a character; what normalization made of several characters has the bytes
 * of all; added tokens have none (0, 0). */
POME_API pome_status pome_tokenizer_encode_with(const pome_tokenizer *tokenizer, const char *text,
                                                size_t size, unsigned flags, int32_t *ids,
                                                pome_span *spans, size_t capacity, size_t *count,
                                                pome_error *error);
/* The same, for a text of which parts are not trusted: special tokens that reach into one of the
 * `plain` spans (in order, apart from each other) are text. */
POME_API pome_status pome_tokenizer_encode_marked(const pome_tokenizer *tokenizer, const char *text,
                                                  size_t size, unsigned flags,
                                                  const pome_span *plain, size_t plain_count,
                                                  int32_t *ids, size_t capacity, size_t *count,
                                                  pome_error *error);
/* Two texts together; `types` (may be NULL) tells which text, or which part of the model's
 * template, each id belongs to. */
POME_API pome_status pome_tokenizer_encode_pair(const pome_tokenizer *tokenizer, pome_string first,
                                                pome_string second, unsigned flags, int32_t *ids,
                                                int32_t *types, size_t capacity, size_t *count,
                                                pome_error *error);

/* The bytes of one token as the vocabulary has them, byte-level spelling undone (special tokens:
 * their text). Not NUL-terminated; lives as long as the tokenizer. An id outside the vocabulary
 * gives an empty string. */
POME_API pome_string pome_tokenizer_piece(const pome_tokenizer *tokenizer, int32_t id);
POME_API bool pome_tokenizer_is_special(const pome_tokenizer *tokenizer, int32_t id);
/* The id of the token whose text is exactly that, or -1. */
POME_API int32_t pome_tokenizer_find(const pome_tokenizer *tokenizer, const char *text,
                                     size_t size);

/* Flags of decoding. */
#define POME_DECODE_SKIP_SPECIAL 1u /* special tokens are left out */

/* The text of the ids: valid UTF-8, bytes that are none are U+FFFD. Ids outside the vocabulary are
 * left out. Writes up to `capacity` bytes, without NUL, and always sets `*size` to how many the
 * text has. */
POME_API pome_status pome_tokenizer_decode(const pome_tokenizer *tokenizer, const int32_t *ids,
                                           size_t count, unsigned flags, char *text,
                                           size_t capacity, size_t *size, pome_error *error);

/* Decoding while ids come: gives the text that no later id can change, always whole characters; all
 * pieces together are what pome_tokenizer_decode gives for all ids. The tokenizer must outlive it.
 */
typedef struct pome_detokenizer pome_detokenizer;
POME_API pome_status pome_detokenizer_create(const pome_tokenizer *tokenizer, unsigned flags,
                                             pome_detokenizer **detokenizer, pome_error *error);
POME_API void pome_detokenizer_free(pome_detokenizer *detokenizer);
/* `*text` may be empty and lives until the next call. */
POME_API pome_status pome_detokenizer_add(pome_detokenizer *detokenizer, int32_t id,
                                          pome_string *text, pome_error *error);
/* What was held back; the next id starts a new text. */
POME_API pome_status pome_detokenizer_finish(pome_detokenizer *detokenizer, pome_string *text,
                                             pome_error *error);

/* ---- chat templates: the Jinja of published models ---- */

typedef struct pome_template pome_template;

/* Finds the template of a model: beside it in chat_template.jinja, chat_template.json or
 * tokenizer_config.json, within it when it is a GGUF file, else that of the family which the
 * special tokens tell. `path` may also be a template file, or a .json with a "chat_template".
 * `name` chooses among several, NULL: the default. Immutable, shareable. POME_INPUT names the line
 * and column of what cannot be read; POME_UNSUPPORTED: the model has no template and its family is
 * not known. */
POME_API pome_status pome_template_open(const char *path, const char *name,
                                        const pome_allocator *allocator, pome_template **chat,
                                        pome_error *error);
/* The same from `size` bytes of template text. */
POME_API pome_status pome_template_parse(const char *text, size_t size,
                                         const pome_allocator *allocator, pome_template **chat,
                                         pome_error *error);
POME_API void pome_template_close(pome_template *chat);

/* Renders with the variables of a JSON object: "messages", "tools", "add_generation_prompt",
 * "bos_token", "eos_token" and any others; "now" is the time that strftime_now tells
 * ("2025-03-09T14:05:07"), or else `now`, in seconds since 1970 as the clock on the wall shows
 * them. The text is followed by a NUL and belongs to the caller. POME_INPUT when the template
 * refuses the conversation (its own message), uses something undefined, or takes more steps, memory
 * or output than its input justifies. */
POME_API pome_status pome_template_render(const pome_template *chat, const char *json,
                                          size_t json_size, int64_t now, char **text, size_t *size,
                                          pome_error *error);
POME_API void pome_template_free_text(const pome_template *chat, char *text, size_t size);
/* The same, and which bytes of the text are the conversation's own words, not the template's:
 * `given`, in order and apart from each other, NULL when there are none. They are all strings
 * within "messages", "tools" and "documents" but for the messages' roles, followed through what
 * the template does to them. pome_tokenizer_encode_marked takes them, so that nobody writes a turn
 * by writing its special tokens. */
POME_API pome_status pome_template_render_marked(const pome_template *chat, const char *json,
                                                 size_t json_size, int64_t now, char **text,
                                                 size_t *size, pome_span **given,
                                                 size_t *given_count, pome_error *error);
POME_API void pome_template_free_spans(const pome_template *chat, pome_span *spans, size_t count);

/* ---- sampler ---- */

typedef struct pome_logit_bias {
  int32_t id;
  float bias; /* added to the logit; minus infinity: never */
} pome_logit_bias;

/* Says which tokens may come next: clears the bits of those that may not (bit id % 64 of word
 * id / 64; all are set before). False: it cannot tell, which is an error. */
typedef bool (*pome_constrain_fn)(void *context, uint64_t *allowed, size_t vocab_size);

/* Logits are changed by bias, penalties and constraint, and then cut in the order in which the
 * limits stand here. */
typedef struct pome_sampler_options {
  size_t size;
  float temperature; /* 0: greedy, the lowest id among equals */
  int top_k;         /* 0: all */
  float top_p;       /* 1: all. The most likely that make up this much, after typical_p */
  uint64_t seed;     /* same seed, same choices on every machine */
  float min_p;       /* 0: all. At least this much of the most likely one's chance, after top_p */
  float typical_p;   /* 1: all. Those of the most usual surprise that make up this much */
  float repetition_penalty;    /* 1: none. Divides logits above 0, multiplies those below */
  float presence_penalty;      /* 0: none. Taken off once */
  float frequency_penalty;     /* 0: none. Taken off for each time */
  int penalty_window;          /* penalties look at so many of the latest tokens accepted */
  const pome_logit_bias *bias; /* copied */
  size_t bias_count;
  pome_constrain_fn constrain; /* NULL: all tokens */
  void *constrain_context;
} pome_sampler_options;
POME_API void pome_sampler_options_init_sized(pome_sampler_options *options, size_t size);
static inline void pome_sampler_options_init(pome_sampler_options *options) {
  pome_sampler_options_init_sized(options, sizeof *options);
}

typedef struct pome_sampler pome_sampler;
POME_API pome_status pome_sampler_create(const pome_sampler_options *options, size_t vocab_size,
                                         const pome_allocator *allocator, pome_sampler **sampler,
                                         pome_error *error);
POME_API void pome_sampler_free(pome_sampler *sampler);
/* Chooses a token from `vocab_size` logits. POME_INPUT when one is NaN or infinite, or when all are
 * minus infinity or masked. */
POME_API pome_status pome_sampler_choose(pome_sampler *sampler, const float *logits, int32_t *id,
                                         pome_error *error);
/* Tells the sampler that this token is now part of the text: what penalties look at. */
POME_API void pome_sampler_accept(pome_sampler *sampler, int32_t id);

typedef struct pome_token_logprob {
  int32_t id; /* -1: there are no more */
  float logprob;
} pome_token_logprob;
/* Natural logarithms of the model's own probabilities, before anything changes or cuts them: of one
 * token, and of the `count` most likely, best first. */
POME_API pome_status pome_sampler_logprobs(pome_sampler *sampler, const float *logits,
                                           int32_t chosen, float *logprob, pome_token_logprob *top,
                                           size_t count, pome_error *error);

/* ---- stops: where a reply ends ---- */

typedef struct pome_stops pome_stops;

/* Gathers every token that ends a reply: eos_token_id of generation_config.json and config.json,
 * the eos_token of tokenizer_config.json, all beside the model at `path` (NULL: none), or the ids
 * for it in the GGUF file that this is (eos, eot, eom, fim_pad, fim_rep, fim_sep), and the token
 * that `chat` (may be NULL) writes behind an assistant's turn; and `count` texts, which end it as
 * well. The texts are copied; empty ones are refused. */
POME_API pome_status pome_stops_create(const pome_tokenizer *tokenizer, const char *path,
                                       const pome_template *chat, const pome_string *texts,
                                       size_t count, const pome_allocator *allocator,
                                       pome_stops **stops, pome_error *error);
POME_API void pome_stops_free(pome_stops *stops);
POME_API bool pome_stops_is_end(const pome_stops *stops, int32_t id);
/* The tokens, for showing; `*count` of them. */
POME_API const int32_t *pome_stops_ids(const pome_stops *stops, size_t *count);
/* Passes text on as far as it can be no part of a stop text; the rest is held back. `*stopped`: a
 * stop text is complete, and `*ready` is what came before it. Valid until the next call. */
POME_API pome_status pome_stops_add(pome_stops *stops, pome_string text, pome_string *ready,
                                    bool *stopped, pome_error *error);
/* What is still held back, when nothing more comes; starts anew. */
POME_API pome_string pome_stops_finish(pome_stops *stops);

/* ---- model bundle and session ---- */

typedef struct pome_llm pome_llm;
typedef struct pome_session pome_session;

typedef struct pome_llm_options {
  size_t size;
  const pome_model_options *model; /* NULL: the defaults */
  const pome_plan_options *plan;   /* for each of its functions; NULL: the defaults */
} pome_llm_options;
POME_API void pome_llm_options_init_sized(pome_llm_options *options, size_t size);
static inline void pome_llm_options_init(pome_llm_options *options) {
  pome_llm_options_init_sized(options, sizeof *options);
}

/* Opens and compiles a bundle folder. POME_UNSUPPORTED for a GGUF file. */
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
