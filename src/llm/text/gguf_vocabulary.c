/* The tokenizer in a GGUF file: tokenizer.ggml.tokens with their types, and by tokenizer.ggml.model
 *
 *   llama  pieces with scores: SentencePiece's BPE, bytes as <0xNN>
 *   t5     pieces with scores: Unigram, with a character map
 *   gpt2   byte-level BPE: merges, and the name of a family that tells how text is cut
 * (gguf_words.c) bert   WordPiece, spelled with U+2581 before what starts a word and nothing before
 * what goes on
 *
 * Source: the GGUF specification, and what llama.cpp writes and reads.
 */
#include <string.h>

#include "llm/gguf_file.h"
#include "llm/text/alphabet.h"
#include "llm/text/gguf_words.h"
#include "llm/text/merges.h"
#include "llm/text/pieces.h"
#include "llm/text/unicode.h"

#define INSIDE       "##" /* what tokens that go on with a word start with, in WordPiece */
#define LONGEST_WORD 100  /* characters; BERT's own tokenizers all have it */

typedef struct reader {
  pome_tokenizer *t;
  const pome__gguf *gguf;
  const pome__gguf_value *tokens, *types, *scores; /* the latter two may be NULL */
  uint8_t *kinds;                                  /* pome__piece_kind, by id */
  int32_t bos, eos, unknown, cls, sep;
  bool odd; /* two tokens may have the same bytes */
} reader;

/* ---- metadata ---- */

static pome_status read_flag(const reader *r, const char *key, bool otherwise, bool *flag,
                             pome_error *error) {
  const pome__gguf_value *value = pome__gguf_find(r->gguf, key);
  *flag = otherwise;
  return value == NULL || pome__gguf_bool(value, flag)
             ? POME_OK
             : pome__fail(error, POME_INPUT, "GGUF: \"%s\" is of kind %s; bool is needed", key,
                          pome__gguf_kind_name(value->kind));
}

static pome_status read_list(const reader *r, const char *key, const pome__gguf_value **list,
                             pome_error *error) {
  POME__TRY(pome__gguf_numbers(r->gguf, key, list, error));
  if (*list != NULL && (*list)->count < r->tokens->count)
    return pome__fail(error, POME_INPUT, "GGUF: \"%s\" has %zu elements for %zu tokens", key,
                      (*list)->count, r->tokens->count);
  return POME_OK;
}

/* Without types, the tokens that the metadata names are the special ones. */
static void set_named(reader *r) {
  static const char *const roles[] = {"bos", "eos",       "eot",     "eom", "cls",
                                      "sep", "seperator", "padding", "mask"};
  for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
    int32_t id = pome__gguf_token_id(r->gguf, roles[i]);
    if (id >= 0) r->kinds[id] = POME__PIECE_CONTROL;
  }
}

static pome_status read_kinds(reader *r, pome_error *error) {
  for (size_t id = 0; id < r->tokens->count; id++) {
    int64_t kind = POME__PIECE_NORMAL;
    if (r->types != NULL) {
      pome__gguf_value element = pome__gguf_element(r->types, id);
      if (!pome__gguf_integer(&element, &kind) || kind < 0 || kind > POME__PIECE_BYTE)
        return pome__fail(error, POME_INPUT, "GGUF: token %zu is of type %lld; 0 to %d are known",
                          id, (long long)kind, POME__PIECE_BYTE);
    }
    r->kinds[id] = kind == 0 ? POME__PIECE_NORMAL : (uint8_t)kind;
  }
  if (r->types == NULL) set_named(r);
  return POME_OK;
}

static int32_t first_of(int32_t a, int32_t b) {
  return a >= 0 ? a : b;
}

static pome_status read_lists(reader *r, pome_error *error) {
  POME__TRY(pome__gguf_strings(r->gguf, POME__GGUF_TOKENS, &r->tokens, error));
  if (r->tokens == NULL || r->tokens->count == 0 || r->tokens->count > POME__VOCAB_LIMIT)
    return pome__fail(error, POME_INPUT, "GGUF: %zu tokens (%s); 1 to %d are allowed",
                      r->tokens == NULL ? (size_t)0 : r->tokens->count, POME__GGUF_TOKENS,
                      POME__VOCAB_LIMIT);
  POME__TRY(read_list(r, POME__GGUF_TYPES, &r->types, error));
  POME__TRY(read_list(r, "tokenizer.ggml.scores", &r->scores, error));
  r->bos = pome__gguf_token_id(r->gguf, "bos");
  r->eos = pome__gguf_token_id(r->gguf, "eos");
  r->unknown = pome__gguf_token_id(r->gguf, "unknown");
  r->cls = first_of(pome__gguf_token_id(r->gguf, "cls"), r->bos);
  r->sep = first_of(pome__gguf_token_id(r->gguf, "seperator"), /* as the format spells it */
                    first_of(pome__gguf_token_id(r->gguf, "sep"), r->eos));
  r->kinds = POME__NEW_ARRAY(&r->t->arena, uint8_t, r->tokens->count);
  return r->kinds == NULL ? pome__fail_memory(error, "a tokenizer") : read_kinds(r, error);
}

static pome_status check_text(pome_string text, size_t id, pome_error *error) {
  return pome__text_is_utf8(text.data, text.size)
             ? POME_OK
             : pome__fail(error, POME_INPUT, "GGUF: token %zu is not valid UTF-8", id);
}

/* The tokens around a text. */
static pome_status make_post(reader *r, bool bos, bool eos, pome_error *error) {
  POME__TRY(read_flag(r, "tokenizer.ggml.add_bos_token", bos, &bos, error));
  POME__TRY(read_flag(r, "tokenizer.ggml.add_eos_token", eos, &eos, error));
  return pome__postprocessor_plain(bos ? r->bos : -1, eos ? r->eos : -1, &r->t->arena, &r->t->post,
                                   error);
}

/* ---- llama and t5: pieces with scores ---- */

/* The unknown token that the metadata names, where the types tell of none. */
static void set_unknown(reader *r) {
  if (r->unknown < 0 || r->kinds[r->unknown] != POME__PIECE_NORMAL) return;
  if (memchr(r->kinds, POME__PIECE_UNKNOWN, r->tokens->count) == NULL)
    r->kinds[r->unknown] = POME__PIECE_UNKNOWN;
}

static pome_status set_pieces(reader *r, pome__pieces *pieces, pome_error *error) {
  pome__bytes rest = r->tokens->bytes;
  set_unknown(r);
  POME__TRY(pome__pieces_init(pieces, r->tokens->count, error));
  for (size_t id = 0; id < r->tokens->count; id++) {
    pome_string text = pome__gguf_next_string(&rest);
    pome__gguf_value element = pome__gguf_element(r->scores, id);
    double score;
    pieces->kinds[id] = POME__PIECE_UNUSED;
    if (r->kinds[id] == POME__PIECE_UNUSED || text.size == 0) continue;
    POME__TRY(check_text(text, id, error));
    if (!pome__gguf_real(&element, &score))
      return pome__fail(error, POME_INPUT, "GGUF: the score of token %zu is no number", id);
    POME__TRY(pome__pieces_set(pieces, id, (pome__bytes){(const uint8_t *)text.data, text.size},
                               r->kinds[id], score, error));
    bool may_be_byte = r->kinds[id] == POME__PIECE_BYTE || r->types == NULL;
    pieces->byte_fallback = pieces->byte_fallback || may_be_byte;
  }
  return POME_OK;
}

static pome_status read_charsmap(const reader *r, pome__bytes *map, pome_error *error) {
  static const char key[] = "tokenizer.ggml.precompiled_charsmap";
  const pome__gguf_value *value;
  POME__TRY(pome__gguf_numbers(r->gguf, key, &value, error));
  if (value == NULL) return POME_OK;
  if (value->element != POME__GGUF_INT8 && value->element != POME__GGUF_UINT8)
    return pome__fail(error, POME_INPUT, "GGUF: \"%s\" is an array of %s; bytes are needed", key,
                      pome__gguf_kind_name(value->element));
  *map = value->bytes;
  return POME_OK;
}

/* As the tokenizers library undoes it; `prefix`: there is a space in front. */
static pome_status add_piece_decoder(pome__decoder *d, bool prefix, pome_error *error) {
  const pome__decode_step steps[] = {{.kind = POME__DECODE_REPLACE,
                                      .text = {" ", 1},
                                      .pattern = {.string = {POME__PIECE_SPACE, 3}}},
                                     {.kind = POME__DECODE_BYTE_FALLBACK},
                                     {.kind = POME__DECODE_FUSE},
                                     {.kind = POME__DECODE_STRIP, .text = {" ", 1}, .start = 1}};
  for (size_t i = 0; i < (prefix ? 4 : 3); i++) POME__TRY(pome__decoder_add(d, &steps[i], error));
  return POME_OK;
}

static pome_status read_pieces(reader *r, bool unigram, pome_error *error) {
  pome__pieces pieces = {.t = r->t, .unigram = unigram, .escape = true, .raw_added = true};
  if (r->scores == NULL)
    return pome__fail(error, POME_INPUT, "GGUF: the tokens have no scores (tokenizer.ggml.scores)");
  POME__TRY(read_flag(r, "tokenizer.ggml.add_space_prefix", !unigram, &pieces.dummy_prefix, error));
  POME__TRY(
      read_flag(r, "tokenizer.ggml.remove_extra_whitespaces", false, &pieces.single_spaces, error));
  POME__TRY(read_charsmap(r, &pieces.charsmap, error));
  POME__TRY(set_pieces(r, &pieces, error));
  POME__TRY(pome__pieces_build(&pieces, error));
  pome__decode_step metaspace = {.kind = POME__DECODE_METASPACE,
                                 .text = {POME__PIECE_SPACE, 3},
                                 .keep_first = !pieces.dummy_prefix};
  pome__decode_step bytes = {.kind = POME__DECODE_BYTE_FALLBACK};
  if (unigram) POME__TRY(pome__decoder_add(&r->t->decoder, &metaspace, error));
  else POME__TRY(add_piece_decoder(&r->t->decoder, pieces.dummy_prefix, error));
  if (unigram && pieces.byte_fallback) POME__TRY(pome__decoder_add(&r->t->decoder, &bytes, error));
  return make_post(r, !unigram, unigram, error);
}

/* ---- gpt2, gemma4 and bert: tokens spelled in another way ---- */

static bool is_spelled(uint8_t kind) {
  return kind == POME__PIECE_NORMAL || kind == POME__PIECE_BYTE;
}

/* Writes what the token is in our vocabulary; at most 2 bytes more. */
typedef size_t speller(reader *r, pome_string text, char *out);

static size_t spell_bytes(reader *r, pome_string text, char *out) {
  size_t size;
  if (!pome__alphabet_bytes(text.data, text.size, out, &size)) r->odd = true;
  return size;
}

static size_t spell_plain(reader *r, pome_string text, char *out) {
  (void)r;
  memcpy(out, text.data, text.size);
  return text.size;
}

static size_t spell_word(reader *r, pome_string text, char *out) {
  (void)r;
  size_t mark = sizeof POME__PIECE_SPACE - 1, before = 0;
  bool starts = text.size > mark && memcmp(text.data, POME__PIECE_SPACE, mark) == 0;
  bool bracketed = text.size > 1 && text.data[0] == '[' && text.data[text.size - 1] == ']';
  if (starts) text = (pome_string){text.data + mark, text.size - mark};
  else if (!bracketed) memcpy(out, INSIDE, before = sizeof INSIDE - 1);
  memcpy(out + before, text.data, text.size);
  return before + text.size;
}

static pome_status place_tokens(reader *r, speller *spell, pome_error *error) {
  pome_tokenizer *t = r->t;
  pome__bytes rest = r->tokens->bytes;
  /* The length before each token leaves room for what a speller adds. */
  char *store = pome__arena_alloc(&t->arena, rest.size + 1, 1);
  if (store == NULL) return pome__fail_memory(error, "a tokenizer");
  for (size_t id = 0; id < r->tokens->count; id++) {
    pome_string text = pome__gguf_next_string(&rest);
    if (r->kinds[id] == POME__PIECE_UNUSED || text.size == 0) continue;
    POME__TRY(check_text(text, id, error));
    pome_string piece = {store, text.size};
    if (is_spelled(r->kinds[id])) piece.size = spell(r, text, store);
    else memcpy(store, text.data, text.size);
    store += piece.size;
    (void)pome__vocab_place(&t->vocab, (int32_t)id, piece);
  }
  return POME_OK;
}

/* Tokens that are found in text as they stand are part of the vocabulary last: merges may give
 * them. */
static void index_tokens(reader *r) {
  for (int user = 0; user < 2; user++) {
    for (size_t id = 0; id < r->tokens->count; id++) {
      bool wanted = user ? r->kinds[id] == POME__PIECE_USER_DEFINED : is_spelled(r->kinds[id]);
      if (wanted && r->t->vocab.pieces[id].data != NULL)
        (void)pome__vocab_index(&r->t->vocab, (int32_t)id);
      r->odd = r->odd || (wanted && user);
    }
  }
}

static pome_status make_added(reader *r, pome_error *error) {
  pome_tokenizer *t = r->t;
  size_t count = 0;
  for (size_t id = 0; id < r->tokens->count; id++) count += !is_spelled(r->kinds[id]);
  t->added.tokens = POME__NEW_ARRAY(&t->arena, pome__added_token, count);
  pome_string *texts = POME__NEW_ARRAY(&t->arena, pome_string, count);
  if (t->added.tokens == NULL || texts == NULL) return pome__fail_memory(error, "a tokenizer");
  for (size_t id = 0; id < r->tokens->count; id++) {
    pome_string text = t->vocab.pieces[id];
    if (is_spelled(r->kinds[id]) || text.data == NULL) continue;
    bool special = r->kinds[id] != POME__PIECE_USER_DEFINED;
    t->special[id] = special;
    texts[t->added.count] = text;
    t->added.tokens[t->added.count++] =
        (pome__added_token){.text = text, .id = (int32_t)id, .special = special};
  }
  return pome__added_init(&t->added, &t->arena, texts) ? POME_OK
                                                       : pome__fail_memory(error, "a tokenizer");
}

static pome_status read_spelled(reader *r, speller *spell, pome_error *error) {
  POME__TRY(pome__tokenizer_set_size(r->t, r->tokens->count, r->tokens->count, error));
  POME__TRY(place_tokens(r, spell, error));
  index_tokens(r);
  return make_added(r, error);
}

static pome_status add_merges(pome__merge_list *list, const pome__gguf_value *merges,
                              pome_error *error) {
  pome__bytes rest = merges->bytes;
  for (size_t i = 0; i < merges->count; i++) {
    pome_string text = pome__gguf_next_string(&rest);
    memcpy(list->text, text.data, text.size);
    if (!pome__merges_split(list, text.size))
      return pome__fail(error, POME_INPUT, "GGUF: merge %zu is not a pair", i);
    POME__TRY(pome__merges_add(list, i, error));
  }
  return POME_OK;
}

static pome_status read_merges(reader *r, pome_error *error) {
  pome_tokenizer *t = r->t;
  const pome__gguf_value *merges;
  POME__TRY(pome__gguf_strings(r->gguf, "tokenizer.ggml.merges", &merges, error));
  if (merges == NULL)
    return pome__fail(error, POME_INPUT, "GGUF: there are no merges (tokenizer.ggml.merges)");
  if (merges->count > POME__VOCAB_LIMIT)
    return pome__fail(error, POME_INPUT, "GGUF: %zu merges; at most %d are read", merges->count,
                      POME__VOCAB_LIMIT);
  if (!pome__bpe_init(&t->bpe, &t->arena, merges->count))
    return pome__fail_memory(error, "a tokenizer");
  pome__bpe_index_bytes(&t->bpe);
  size_t room = merges->bytes.size + 1;
  pome__merge_list list = {.bpe = &t->bpe, .ambiguous = r->odd};
  list.text = pome__alloc(t->allocator, room);
  if (list.text == NULL) return pome__fail_memory(error, "a tokenizer");
  pome_status status = add_merges(&list, merges, error);
  pome__free(t->allocator, list.text, room);
  return status;
}

static pome_status add_words(reader *r, const pome__gguf_words *words, pome_error *error) {
  pome__pretokenizer *p = &r->t->pretokenizer;
  bool nfc;
  POME__TRY(read_flag(r, "tokenizer.ggml.normalizer.nfc", words->nfc, &nfc, error));
  if (nfc)
    POME__TRY(pome__normalizer_add(
        &r->t->normalizer, &(pome__normalizer_step){.kind = POME__NORMALIZE_FORM, .compose = true},
        error));
  for (size_t i = 0; i < POME__GGUF_PATTERNS && words->patterns[i] != NULL; i++) {
    pome__cut cut = {.kind = POME__CUT_PATTERN};
    POME__TRY(
        pome__pattern_regex(words->patterns[i], strlen(words->patterns[i]), &cut.pattern, error));
    pome_status status = pome__pretokenizer_add(p, &cut, error);
    if (status != POME_OK) return pome__pattern_free(&cut.pattern), status;
  }
  if (!words->characters)
    return pome__pretokenizer_add(p, &(pome__cut){.kind = POME__CUT_BYTES, .whole = true}, error);
  pome__normalizer_step visible = {.kind = POME__NORMALIZE_REPLACE,
                                   .content = {POME__PIECE_SPACE, 3},
                                   .pattern = {.string = {" ", 1}}};
  return pome__normalizer_add(&r->t->normalizer, &visible, error);
}

static pome_status read_merged(reader *r, pome_string family, pome_error *error) {
  pome_tokenizer *t = r->t;
  const pome__gguf_words *words;
  if (family.data == NULL)
    POME__TRY(pome__gguf_text(r->gguf, "tokenizer.ggml.pre", &family, error));
  POME__TRY(pome__gguf_words_find(family, &words, error));
  POME__TRY(add_words(r, words, error));
  POME__TRY(read_spelled(r, words->characters ? spell_plain : spell_bytes, error));
  t->kind = POME__MODEL_BPE;
  t->bpe = (pome__bpe){.vocab = &t->vocab,
                       .bytes = !words->characters,
                       .byte_fallback = words->characters,
                       .fuse_unknown = words->characters,
                       .ignore_merges = words->whole,
                       .unknown = words->characters ? r->unknown : -1};
  t->bpe.prefix = t->bpe.suffix = (pome_string){"", 0};
  POME__TRY(read_merges(r, error));
  pome__decode_step bytes = {.kind = POME__DECODE_BYTES};
  if (words->characters) POME__TRY(add_piece_decoder(&t->decoder, false, error));
  else POME__TRY(pome__decoder_add(&t->decoder, &bytes, error));
  return make_post(r, words->bos, false, error);
}

static pome_status add_bert_normalizer(reader *r, pome_error *error) {
  pome__bert_options options = {.clean = true, .ideographs = true};
  POME__TRY(read_flag(r, "tokenizer.ggml.normalizer.lowercase", true, &options.lower, error));
  POME__TRY(read_flag(r, "tokenizer.ggml.normalizer.strip_accents", options.lower,
                      &options.strip_accents, error));
  return pome__normalizer_add_bert(&r->t->normalizer, &options, error);
}

static pome_status read_bert(reader *r, pome_error *error) {
  pome_tokenizer *t = r->t;
  bool before, behind;
  t->kind = POME__MODEL_WORDPIECE;
  POME__TRY(add_bert_normalizer(r, error));
  POME__TRY(pome__pretokenizer_add(&t->pretokenizer, &(pome__cut){.kind = POME__CUT_BERT}, error));
  POME__TRY(read_spelled(r, spell_word, error));
  t->wordpiece.longest = LONGEST_WORD;
  t->wordpiece.unknown = first_of(r->unknown, pome_tokenizer_find(t, "[UNK]", 5));
  if (!pome__wordpiece_init(&t->wordpiece, &t->arena, &t->vocab,
                            (pome_string){INSIDE, sizeof INSIDE - 1}))
    return pome__fail_memory(error, "a tokenizer");
  pome__decode_step step = {
      .kind = POME__DECODE_WORDPIECE, .text = {INSIDE, sizeof INSIDE - 1}, .clean = true};
  POME__TRY(pome__decoder_add(&t->decoder, &step, error));
  int32_t cls = first_of(r->cls, pome_tokenizer_find(t, "[CLS]", 5)),
          sep = first_of(r->sep, pome_tokenizer_find(t, "[SEP]", 5));
  POME__TRY(read_flag(r, "tokenizer.ggml.add_bos_token", true, &before, error));
  POME__TRY(read_flag(r, "tokenizer.ggml.add_sep_token", true, &behind, error));
  if (before && behind && cls >= 0 && sep >= 0)
    return pome__postprocessor_bert(cls, sep, false, &t->arena, &t->post, error);
  return pome__postprocessor_plain(before ? cls : -1, behind ? sep : -1, &t->arena, &t->post,
                                   error);
}

/* ---- */

static bool is(pome_string text, const char *name) {
  return text.size == strlen(name) && memcmp(text.data, name, text.size) == 0;
}

static pome_status read_vocabulary(reader *r, pome_error *error) {
  static const char key[] = "tokenizer.ggml.model";
  pome_string model;
  POME__TRY(pome__gguf_text(r->gguf, key, &model, error));
  if (model.data == NULL)
    return pome__fail(error, POME_INPUT, "GGUF: there is no tokenizer in this file (no \"%s\")",
                      key);
  static const char *const known[] = {"llama", "t5", "gpt2", "gemma4", "bert"};
  size_t which = 0;
  while (which < 5 && !is(model, known[which])) which++;
  if (which == 5)
    return pome__fail(error, POME_UNSUPPORTED,
                      "tokenizer: a vocabulary for \"%.*s\" (%s) is not supported; bert, gemma4, "
                      "gpt2, llama and t5 are",
                      (int)(model.size < 60 ? model.size : 60), model.data, key);
  POME__TRY(read_lists(r, error));
  if (which < 2) return read_pieces(r, which == 1, error);
  if (which == 4) return read_bert(r, error);
  return read_merged(r, which == 3 ? model : (pome_string){NULL, 0}, error);
}

pome_status pome__tokenizer_read_gguf(pome_tokenizer *t, pome__bytes file, pome_error *error) {
  pome__arena arena;
  pome__gguf gguf;
  pome__arena_init(&arena, t->allocator, 0);
  pome_status status = pome__gguf_parse(file, &arena, &gguf, error);
  reader r = {.t = t, .gguf = &gguf};
  if (status == POME_OK) status = read_vocabulary(&r, error);
  pome__arena_free(&arena);
  return status;
}
