/* Reading decoders, and the steps in their order; see decoder.h. decoder_steps.c holds what each
 * does. */
#include "llm/text/decoder.h"

#include <string.h>

#include "llm/text/decoder_steps.h"

#define MAX_DEPTH 8

pome_status pome__decoder_add(pome__decoder *d, const pome__decode_step *step, pome_error *error) {
  bool fused = false;
  if (d->count == POME__DECODE_STEPS)
    return pome__fail(error, POME_UNSUPPORTED, "tokenizer: more than %d decoders",
                      POME__DECODE_STEPS);
  for (size_t i = 0; i < d->count; i++)
    fused =
        fused || d->steps[i].kind == POME__DECODE_FUSE || d->steps[i].kind == POME__DECODE_BYTES;
  bool continues = step->kind == POME__DECODE_FUSE || step->kind == POME__DECODE_STRIP ||
                   (step->kind == POME__DECODE_REPLACE && step->pattern.code == NULL);
  if (fused && !continues)
    return pome__fail(
        error, POME_UNSUPPORTED,
        "tokenizer: a decoder behind Fuse or ByteLevel that is not Strip or Replace of a text");
  d->steps[d->count] = *step;
  d->steps[d->count++].fused = fused;
  d->bytes = d->bytes || step->kind == POME__DECODE_BYTES;
  return POME_OK;
}

void pome__decoder_free(pome__decoder *d) {
  for (size_t i = 0; i < d->count; i++) pome__pattern_free(&d->steps[i].pattern);
  d->count = 0;
}

/* ---- reading ---- */

static pome_status read_text(const json_t *value, const char *key, const char *otherwise,
                             pome__arena *arena, pome_string *text, pome_error *error) {
  const json_t *string = json_object_get(value, key);
  if (!json_is_string(string) && otherwise == NULL)
    return pome__fail(error, POME_INPUT, "tokenizer: a decoder has no text \"%s\"", key);
  const char *found = json_is_string(string) ? json_string_value(string) : otherwise;
  size_t size = json_is_string(string) ? json_string_length(string) : strlen(otherwise);
  text->data = pome__arena_string(arena, found, size);
  text->size = size;
  return text->data == NULL ? pome__fail_memory(error, "a tokenizer") : POME_OK;
}

static pome_status read_size(const json_t *value, const char *key, size_t *size,
                             pome_error *error) {
  json_int_t number = json_integer_value(json_object_get(value, key));
  if (number < 0 || number > 1000000)
    return pome__fail(error, POME_INPUT,
                      "tokenizer: a decoder's \"%s\" is %lld; 0 to 1000000 are allowed", key,
                      (long long)number);
  *size = (size_t)number;
  return POME_OK;
}

static pome_status read_metaspace(const json_t *value, pome__arena *arena, pome__decode_step *step,
                                  pome_error *error) {
  const char *scheme = json_string_value(json_object_get(value, "prepend_scheme"));
  step->kind = POME__DECODE_METASPACE;
  step->keep_first = scheme != NULL ? strcmp(scheme, "never") == 0
                                    : json_is_false(json_object_get(value, "add_prefix_space"));
  return read_text(value, "replacement", "\xe2\x96\x81", arena, &step->text, error);
}

static pome_status read_one(const json_t *value, const char *type, pome__arena *arena,
                            pome__decode_step *step, pome_error *error) {
  if (strcmp(type, "ByteLevel") == 0) {
    step->kind = POME__DECODE_BYTES;
  } else if (strcmp(type, "ByteFallback") == 0) {
    step->kind = POME__DECODE_BYTE_FALLBACK;
  } else if (strcmp(type, "Fuse") == 0) {
    step->kind = POME__DECODE_FUSE;
  } else if (strcmp(type, "Strip") == 0) {
    step->kind = POME__DECODE_STRIP;
    POME__TRY(read_size(value, "start", &step->start, error));
    POME__TRY(read_size(value, "stop", &step->stop, error));
    POME__TRY(read_text(value, "content", " ", arena, &step->text, error));
    if (step->text.size == 0)
      return pome__fail(error, POME_INPUT, "tokenizer: a Strip decoder of an empty text");
  } else if (strcmp(type, "Replace") == 0) {
    step->kind = POME__DECODE_REPLACE;
    POME__TRY(read_text(value, "content", NULL, arena, &step->text, error));
    return pome__pattern_read(json_object_get(value, "pattern"), arena, &step->pattern, error);
  } else if (strcmp(type, "Metaspace") == 0) {
    return read_metaspace(value, arena, step, error);
  } else if (strcmp(type, "WordPiece") == 0) {
    step->kind = POME__DECODE_WORDPIECE;
    step->clean = !json_is_false(json_object_get(value, "cleanup"));
    return read_text(value, "prefix", "##", arena, &step->text, error);
  } else if (strcmp(type, "BPEDecoder") == 0) {
    step->kind = POME__DECODE_BPE;
    return read_text(value, "suffix", "</w>", arena, &step->text, error);
  } else {
    return pome__fail(error, POME_UNSUPPORTED, "tokenizer: a decoder \"%.60s\" is not supported",
                      type);
  }
  return POME_OK;
}

static pome_status read_nested(const json_t *value, pome__arena *arena, pome__decoder *d, int depth,
                               pome_error *error) {
  const char *type = json_string_value(json_object_get(value, "type"));
  if (type == NULL) return pome__fail(error, POME_INPUT, "tokenizer: a decoder without a type");
  if (strcmp(type, "Sequence") == 0) {
    size_t i;
    json_t *part;
    if (depth == MAX_DEPTH)
      return pome__fail(error, POME_INPUT, "tokenizer: decoders nested more than %d deep",
                        MAX_DEPTH);
    json_array_foreach(json_object_get(value, "decoders"), i, part)
        POME__TRY(read_nested(part, arena, d, depth + 1, error));
    return POME_OK;
  }
  pome__decode_step step = {0};
  pome_status status = read_one(value, type, arena, &step, error);
  if (status == POME_OK) status = pome__decoder_add(d, &step, error);
  if (status != POME_OK) pome__pattern_free(&step.pattern);
  return status;
}

pome_status pome__decoder_read(const json_t *value, pome__arena *arena, pome__decoder *d,
                               pome_error *error) {
  if (value != NULL && !json_is_null(value)) return read_nested(value, arena, d, 0, error);
  return pome__decoder_add(d, &(pome__decode_step){.kind = POME__DECODE_SPACED}, error);
}

/* ---- running ---- */

void pome__decoding_init(pome__decoding *d, const pome__decoder *decoder,
                         const pome_allocator *allocator) {
  *d = (pome__decoding){.decoder = decoder, .out = {.allocator = allocator}};
  for (size_t i = 0; i < POME__DECODE_STEPS; i++)
    d->states[i].held.allocator = d->states[i].work.allocator = allocator;
}

static bool out_of_memory(const pome__decoding *d) {
  bool failed = d->out.failed;
  for (size_t i = 0; i < d->decoder->count; i++)
    failed = failed || d->states[i].held.failed || d->states[i].work.failed;
  return failed;
}

pome_status pome__decoding_add(pome__decoding *d, pome_string piece, pome_error *error) {
  POME__TRY(pome__decode_feed(d, 0, piece.data, piece.size, error));
  return out_of_memory(d) ? pome__fail_memory(error, "decoding text") : POME_OK;
}

pome_status pome__decoding_end(pome__decoding *d, pome_error *error) {
  for (size_t i = 0; i < d->decoder->count; i++) {
    pome__decode_state *state = &d->states[i];
    POME__TRY(pome__decode_finish(d, i, error));
    state->tokens = state->cut = state->trailing = 0;
    state->cut_done = false;
    pome__buffer_reset(&state->held);
  }
  return out_of_memory(d) ? pome__fail_memory(error, "decoding text") : POME_OK;
}

void pome__decoding_free(pome__decoding *d) {
  for (size_t i = 0; i < POME__DECODE_STEPS; i++) {
    pome__buffer_free(&d->states[i].held);
    pome__buffer_free(&d->states[i].work);
  }
  pome__buffer_free(&d->out);
  pome__matcher_free(&d->matcher);
}
