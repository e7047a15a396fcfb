/* Reading SentencePiece's tokenizer.model: a protobuf message with pieces, scores and two lists of
 * settings.
 *
 * pieces.c makes a tokenizer of them. Source: sentencepiece_model.proto.
 */
#include <string.h>

#include "llm/text/pieces.h"
#include "llm/text/unicode.h"
#include "wire/pb.h"

typedef struct reader {
  pome_tokenizer *t;
  pome__pieces pieces;
  uint64_t model_type, byte_fallback, suffix;
  int64_t bos, eos;
  pome__bytes unknown_text, charsmap;
  uint64_t dummy_prefix, single_spaces, escape;
} reader;

/* ---- the message ---- */

static pome_status read_piece(reader *r, pome__pb pb, size_t index, pome_error *error) {
  pome__bytes text = {(const uint8_t *)"", 0};
  uint64_t kind = POME__PIECE_NORMAL;
  float score = 0;
  for (pome__pb_field field; pome__pb_next(&pb, &field, error);) {
    if (field.number == 1) {
      POME__TRY(pome__pb_text(&pb, &field, "a piece", &text, error));
    } else if (field.number == 2) {
      POME__TRY(pome__pb_expect(&pb, &field, POME__PB_I32, "a score", error));
      uint32_t bits = (uint32_t)field.value;
      memcpy(&score, &bits, sizeof score);
    } else if (field.number == 3) {
      POME__TRY(pome__pb_uint(&pb, &field, "a piece's type", &kind, error));
    }
  }
  POME__TRY(pb.status);
  return pome__pieces_set(&r->pieces, index, text, kind, (double)score, error);
}

/* One of the two lists of settings: numbers go where `slots` says. */
typedef struct setting {
  uint32_t number;
  uint64_t *value; /* or NULL */
  pome__bytes *bytes;
} setting;

static pome_status read_settings(pome__pb pb, const setting *settings, size_t count,
                                 pome_error *error) {
  for (pome__pb_field field; pome__pb_next(&pb, &field, error);) {
    for (size_t i = 0; i < count; i++) {
      if (settings[i].number != field.number) continue;
      if (settings[i].value != NULL) {
        POME__TRY(pome__pb_uint(&pb, &field, "a setting", settings[i].value, error));
      } else {
        POME__TRY(pome__pb_expect(&pb, &field, POME__PB_LEN, "a setting", error));
        *settings[i].bytes = field.bytes;
      }
    }
  }
  return pb.status;
}

static pome_status read_trainer(reader *r, pome__pb pb, pome_error *error) {
  uint64_t bos = (uint64_t)r->bos, eos = (uint64_t)r->eos;
  const setting settings[] = {
      {3, &r->model_type, NULL}, {24, &r->suffix, NULL}, {35, &r->byte_fallback, NULL},
      {41, &bos, NULL},          {42, &eos, NULL},       {44, NULL, &r->unknown_text}};
  POME__TRY(read_settings(pb, settings, sizeof settings / sizeof settings[0], error));
  r->bos = (int64_t)bos;
  r->eos = (int64_t)eos;
  return POME_OK;
}

static pome_status read_normalizer(reader *r, pome__pb pb, pome_error *error) {
  const setting settings[] = {{2, NULL, &r->charsmap},
                              {3, &r->dummy_prefix, NULL},
                              {4, &r->single_spaces, NULL},
                              {5, &r->escape, NULL}};
  return read_settings(pb, settings, sizeof settings / sizeof settings[0], error);
}

static pome_status read_denormalizer(pome__pb pb, pome_error *error) {
  pome__bytes map = {NULL, 0};
  POME__TRY(read_settings(pb, &(setting){2, NULL, &map}, 1, error));
  return map.size == 0
             ? POME_OK
             : pome__fail(error, POME_UNSUPPORTED,
                          "tokenizer: a denormalizer with a character map is not supported");
}

static pome_status read_message(reader *r, pome__bytes file, pome_error *error) {
  pome__pb pb = pome__pb_open(file);
  size_t count, index = 0;
  POME__TRY(pome__pb_count(&pb, 1, &count, error));
  POME__TRY(pome__pieces_init(&r->pieces, count, error));
  for (pome__pb_field field; pome__pb_next(&pb, &field, error);) {
    if (field.number != 1 && field.number != 2 && field.number != 3 && field.number != 5) continue;
    POME__TRY(pome__pb_expect(&pb, &field, POME__PB_LEN, "a part of the model", error));
    pome__pb inner = pome__pb_enter(&pb, &field);
    if (field.number == 1) POME__TRY(read_piece(r, inner, index++, error));
    if (field.number == 2) POME__TRY(read_trainer(r, inner, error));
    if (field.number == 3) POME__TRY(read_normalizer(r, inner, error));
    if (field.number == 5) POME__TRY(read_denormalizer(inner, error));
  }
  return pb.status;
}

/* ---- text behind the model ---- */

static pome_status make_decoder(reader *r, pome_error *error) {
  pome__decoder *d = &r->t->decoder;
  pome__decode_step leading = {
      .kind = POME__DECODE_LEADING, .text = {POME__PIECE_SPACE, 3}, .every = r->single_spaces != 0};
  pome__decode_step replace = {.kind = POME__DECODE_REPLACE,
                               .text = {" ", 1},
                               .pattern = {.string = {POME__PIECE_SPACE, 3}}};
  pome__decode_step bytes = {.kind = POME__DECODE_BYTE_FALLBACK, .each = true};
  if (r->dummy_prefix || r->single_spaces) POME__TRY(pome__decoder_add(d, &leading, error));
  if (r->escape) POME__TRY(pome__decoder_add(d, &replace, error));
  return r->byte_fallback ? pome__decoder_add(d, &bytes, error) : POME_OK;
}

static int32_t control_id(const reader *r, int64_t id) {
  bool control =
      id >= 0 && (uint64_t)id < r->t->vocab.size && r->pieces.kinds[id] == POME__PIECE_CONTROL;
  return control ? (int32_t)id : -1;
}

static pome_status make_model(reader *r, pome_error *error) {
  if (r->suffix)
    return pome__fail(error, POME_UNSUPPORTED,
                      "tokenizer: white space as a suffix is not supported");
  if (r->model_type != 1 && r->model_type != 2)
    return pome__fail(
        error, POME_UNSUPPORTED,
        "tokenizer: a SentencePiece model of type %llu; 1 (unigram) and 2 (BPE) are supported",
        (unsigned long long)r->model_type);
  r->pieces.unigram = r->model_type == 1;
  r->pieces.byte_fallback = r->byte_fallback != 0;
  r->pieces.dummy_prefix = r->dummy_prefix != 0;
  r->pieces.single_spaces = r->single_spaces != 0;
  r->pieces.escape = r->escape != 0;
  r->pieces.charsmap = r->charsmap;
  return pome__pieces_build(&r->pieces, error);
}

static pome_status make_parts(reader *r, pome_error *error) {
  pome_tokenizer *t = r->t;
  POME__TRY(make_model(r, error));
  POME__TRY(make_decoder(r, error));
  t->unknown_text.data =
      pome__arena_string(&t->arena, (const char *)r->unknown_text.data, r->unknown_text.size);
  t->unknown_text.size = r->unknown_text.size;
  if (t->unknown_text.data == NULL) return pome__fail_memory(error, "a tokenizer");
  if (!pome__text_is_utf8(t->unknown_text.data, t->unknown_text.size))
    return pome__fail(error, POME_INPUT, "tokenizer: the text of the unknown token is not UTF-8");
  t->bos = control_id(r, r->bos);
  t->eos = control_id(r, r->eos);
  return pome__postprocessor_plain(t->bos, -1, &t->arena, &t->post, error);
}

pome_status pome__tokenizer_read_sentencepiece(pome_tokenizer *t, pome__bytes file,
                                               pome_error *error) {
  static const char unknown_text[] = " \xe2\x81\x87 "; /* U+2047 */
  reader r = {.t = t,
              .pieces = {.t = t, .single = true},
              .model_type = 1,
              .bos = 1,
              .eos = 2,
              .dummy_prefix = 1,
              .single_spaces = 1,
              .escape = 1};
  r.unknown_text = (pome__bytes){(const uint8_t *)unknown_text, sizeof unknown_text - 1};
  POME__TRY(read_message(&r, file, error));
  return make_parts(&r, error);
}
