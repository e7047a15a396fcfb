/* A timeline of tokens and its KV cache. `sync` keeps the prefix that the cache already holds and
 * feeds the rest: whole batches through `prefill`, what is left through `decode`. Rows of the cache
 * after the timeline's end are never attended to (the mask sees to that) and are overwritten by
 * what comes next, so going back costs nothing.
 */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "llm/llm.h"

/* Inputs of one stage, reused between predictions. */
typedef struct feed {
  const pome__stage *stage;
  pome_run *run;
  int32_t *ids;
  int32_t *positions;
  float *mask; /* [tokens, context] */
  int32_t current;
} feed;

struct pome_session {
  pome_llm *llm;
  pome_state *state;
  int32_t *tokens; /* the timeline, room for the context */
  size_t length;
  size_t batch;
  float *logits;
  atomic_bool cancelled; /* a cancel between two predictions must not be lost */
  feed prefill, decode;
};

/* ---- create and free ---- */

static pome_status open_feed(const pome_llm *llm, const pome__stage *stage, feed *f,
                             pome_error *error) {
  f->stage = stage;
  if (stage->plan == NULL) return POME_OK;
  pome_run_options options;
  pome_run_options_init(&options);
  options.allocator = llm->allocator;
  f->ids = pome__alloc(llm->allocator, stage->tokens * sizeof *f->ids);
  f->positions = pome__alloc(llm->allocator, stage->tokens * sizeof *f->positions);
  f->mask = pome__alloc(llm->allocator, stage->tokens * llm->context * sizeof *f->mask);
  if (f->ids == NULL || f->positions == NULL || f->mask == NULL)
    return pome__fail_memory(error, "a session");
  return pome_run_create(stage->plan, &options, &f->run, error);
}

static void close_feed(const pome_llm *llm, feed *f) {
  if (f->stage == NULL) return;
  pome_run_free(f->run);
  pome__free(llm->allocator, f->ids, f->stage->tokens * sizeof *f->ids);
  pome__free(llm->allocator, f->positions, f->stage->tokens * sizeof *f->positions);
  pome__free(llm->allocator, f->mask, f->stage->tokens * llm->context * sizeof *f->mask);
}

static pome_status open_session(pome_session *session, pome_error *error) {
  pome_llm *llm = session->llm;
  const pome_function *functions[] = {llm->decode.function, llm->prefill.function};
  session->tokens = pome__alloc(llm->allocator, llm->context * sizeof *session->tokens);
  session->logits = pome__alloc(llm->allocator, llm->vocab_size * sizeof *session->logits);
  if (session->tokens == NULL || session->logits == NULL)
    return pome__fail_memory(error, "a session");
  POME__TRY(pome_state_create(functions, llm->prefill.function == NULL ? 1 : 2, llm->allocator,
                              &session->state, error));
  POME__TRY(open_feed(llm, &llm->prefill, &session->prefill, error));
  return open_feed(llm, &llm->decode, &session->decode, error);
}

pome_status pome_session_create(pome_llm *llm, pome_session **out, pome_error *error) {
  pome_session *session = pome__alloc_zero(llm->allocator, sizeof *session);
  if (session == NULL) return pome__fail_memory(error, "a session");
  session->llm = llm;
  session->batch = llm->prefill.plan == NULL ? 1 : llm->prefill.tokens;
  pome_status status = open_session(session, error);
  if (status != POME_OK) {
    pome_session_free(session);
    return status;
  }
  *out = session;
  return POME_OK;
}

void pome_session_free(pome_session *session) {
  if (session == NULL) return;
  const pome_llm *llm = session->llm;
  close_feed(llm, &session->prefill);
  close_feed(llm, &session->decode);
  pome_state_free(session->state);
  pome__free(llm->allocator, session->tokens, llm->context * sizeof *session->tokens);
  pome__free(llm->allocator, session->logits, llm->vocab_size * sizeof *session->logits);
  pome__free(llm->allocator, session, sizeof *session);
}

size_t pome_session_length(const pome_session *session) {
  return session->length;
}

void pome_session_cancel(pome_session *session) {
  atomic_store(&session->cancelled, true);
  if (session->prefill.run != NULL) pome_run_cancel(session->prefill.run);
  pome_run_cancel(session->decode.run);
}

void pome_session_set_batch(pome_session *session, size_t tokens) {
  session->batch = tokens;
}

/* ---- feeding ---- */

/* Row i sees the cache up to and including its own position. */
static void fill_mask(feed *f, size_t context, size_t start) {
  for (size_t i = 0; i < f->stage->tokens; i++) {
    float *row = f->mask + i * context;
    for (size_t j = 0; j < context; j++) row[j] = j <= start + i ? 0.0f : -INFINITY;
  }
}

/* A view in the port's own shape. */
static pome_status set(feed *f, const char *name, pome_dtype dtype, void *data, size_t count,
                       pome_error *error) {
  const pome_port *port = pome_function_find_port(f->stage->function, POME_INPUT_PORT, name);
  pome_tensor tensor;
  POME__TRY(pome_tensor_init(&tensor, dtype, port->rank, port->shape, data, error));
  if (pome_tensor_count(&tensor) != count) {
    return pome__fail(error, POME_UNSUPPORTED, "port \"%s\" takes %zu elements; %zu are expected",
                      name, pome_tensor_count(&tensor), count);
  }
  return pome_run_set_tensor(f->run, name, &tensor, error);
}

static pome_status predict(pome_session *session, feed *f, const int32_t *tokens,
                           pome_error *error) {
  size_t count = f->stage->tokens, context = session->llm->context, start = session->length;
  memcpy(f->ids, tokens, count * sizeof *tokens);
  for (size_t i = 0; i < count; i++) f->positions[i] = (int32_t)(start + i);
  f->current = (int32_t)start;
  fill_mask(f, context, start);
  POME__TRY(set(f, POME__PORT_IDS, POME_INT32, f->ids, count, error));
  POME__TRY(set(f, POME__PORT_POSITIONS, POME_INT32, f->positions, count, error));
  POME__TRY(set(f, POME__PORT_MASK, POME_FP32, f->mask, count * context, error));
  POME__TRY(set(f, POME__PORT_CURRENT, POME_INT32, &f->current, 1, error));
  POME__TRY(pome_run_predict(f->run, session->state, error));
  memcpy(session->tokens + start, tokens, count * sizeof *tokens);
  session->length += count;
  return POME_OK;
}

static pome_status read_logits(pome_session *session, const feed *f, pome_error *error) {
  pome_tensor logits, target;
  int64_t count = (int64_t)session->llm->vocab_size;
  POME__TRY(pome_run_get_tensor(f->run, POME__PORT_LOGITS, &logits, error));
  if (pome_tensor_count(&logits) != session->llm->vocab_size)
    return pome__fail(error, POME_UNSUPPORTED,
                      "the program gives %zu logits; those of the last token, %zu, are expected",
                      pome_tensor_count(&logits), session->llm->vocab_size);
  POME__TRY(pome_tensor_init(&logits, logits.dtype, 1, &count, logits.data, error));
  POME__TRY(pome_tensor_init(&target, POME_FP32, 1, &count, session->logits, error));
  return pome_tensor_copy(&logits, &target, error);
}

static pome_status check_tokens(const pome_session *session, const int32_t *tokens, size_t count,
                                pome_error *error) {
  if (count == 0) return pome__fail(error, POME_INPUT, "a timeline needs at least one token");
  if (count > session->llm->context) {
    return pome__fail(error, POME_INPUT, "%zu tokens do not fit in a context of %zu", count,
                      session->llm->context);
  }
  for (size_t i = 0; i < count; i++) {
    if (tokens[i] < 0 || (size_t)tokens[i] >= session->llm->vocab_size) {
      return pome__fail(error, POME_INPUT, "token %zu has id %d; 0 to %zu are allowed", i,
                        (int)tokens[i], session->llm->vocab_size - 1);
    }
  }
  return POME_OK;
}

pome_status pome_session_sync(pome_session *session, const int32_t *tokens, size_t count,
                              const float **logits, pome_error *error) {
  POME__TRY(check_tokens(session, tokens, count, error));
  size_t kept = 0;
  while (kept < session->length && kept + 1 < count && session->tokens[kept] == tokens[kept])
    kept++;
  session->length = kept;
  atomic_store(&session->cancelled, false);
  const feed *last = NULL;
  while (session->length < count) {
    if (atomic_load(&session->cancelled)) return pome__fail(error, POME_CANCELLED, "cancelled");
    size_t left = count - session->length, whole = session->prefill.stage->tokens;
    bool batch = session->prefill.run != NULL && session->batch >= whole && left >= whole;
    feed *f = batch ? &session->prefill : &session->decode;
    POME__TRY(predict(session, f, tokens + session->length, error));
    last = f;
  }
  POME__TRY(read_logits(session, last, error));
  *logits = session->logits;
  return POME_OK;
}
