/* Text of GGUF files, on small ones written here: the four kinds of vocabulary, how families cut
 * words, token types and settings, chat templates, end tokens, and files that are refused.
 *
 * The words that families cut were found with the tokenizers library, from the patterns in the
 * families' own tokenizer.json.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "budget.h"
#include "gguf_writer.h"
#include "llm/text/tokenizer.h"
#include "text_model.h"

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

/* ---- vocabularies ---- */

static const char *const byte_tokens[] = {"a",        "b",      "\xc4\xa0", "ab",    "\304\240ab",
                                          "\xc3\xa9", /* byte 0xe9 */
                                          "<|end|>",  "<tool>", "  ",       "[PAD]", "<|start|>"};
static const int32_t byte_types[] = {1, 1, 1, 1, 1, 1, 3, 4, 4, 5, 3};
static const char *const byte_merges[] = {"a b", "\xc4\xa0 ab"};

static void begin_bytes(gguf_writer *w, const char *pre) {
  gguf_begin(w, 3);
  gguf_string(w, "tokenizer.ggml.model", "gpt2");
  if (pre != NULL) gguf_string(w, "tokenizer.ggml.pre", pre);
  gguf_strings(w, "tokenizer.ggml.tokens", byte_tokens, COUNT(byte_tokens));
  gguf_i32s(w, "tokenizer.ggml.token_type", byte_types, COUNT(byte_types));
  gguf_strings(w, "tokenizer.ggml.merges", byte_merges, COUNT(byte_merges));
  gguf_u32(w, "tokenizer.ggml.bos_token_id", 10);
  gguf_u32(w, "tokenizer.ggml.eos_token_id", 6);
}

#define SPACE "\xe2\x96\x81"

static const char *const piece_tokens[] = {"<unk>", "<s>", "</s>", "<0xC3>",   "<0xA9>", "a",
                                           "b",     SPACE, "ab",   SPACE "ab", "<x>",    "ba"};
static const int32_t piece_types[] = {2, 3, 3, 6, 6, 1, 1, 1, 1, 1, 4, 1};
static const float piece_scores[] = {0, 0, 0, 0, 0, -9, -9, -9, -1, -2, 0, -3};

static void begin_pieces(gguf_writer *w, const char *model) {
  gguf_begin(w, 2);
  gguf_string(w, "tokenizer.ggml.model", model);
  gguf_strings(w, "tokenizer.ggml.tokens", piece_tokens, COUNT(piece_tokens));
  gguf_i32s(w, "tokenizer.ggml.token_type", piece_types, COUNT(piece_types));
  gguf_f32s(w, "tokenizer.ggml.scores", piece_scores, COUNT(piece_scores));
  gguf_u32(w, "tokenizer.ggml.bos_token_id", 1);
  gguf_u32(w, "tokenizer.ggml.eos_token_id", 2);
}

static const char *const word_tokens[] = {"[UNK]",   "[CLS]", "[SEP]",   SPACE "un", "able",
                                          SPACE "a", "a",     SPACE "[", SPACE "]"};
static const int32_t word_types[] = {3, 3, 3, 1, 1, 1, 1, 1, 1};

static void begin_words(gguf_writer *w) {
  gguf_begin(w, 3);
  gguf_string(w, "tokenizer.ggml.model", "bert");
  gguf_strings(w, "tokenizer.ggml.tokens", word_tokens, COUNT(word_tokens));
  gguf_i32s(w, "tokenizer.ggml.token_type", word_types, COUNT(word_types));
}

static pome_status open_written(gguf_writer *w, const pome_allocator *allocator, pome_tokenizer **t,
                                pome_error *error) {
  return pome__tokenizer_from_memory(gguf_end(w, 32, 0), allocator, t, error);
}

static pome_tokenizer *open_good(gguf_writer *w) {
  pome_tokenizer *t;
  pome_error error;
  check_ok(open_written(w, NULL, &t, &error), &error);
  gguf_free(w);
  return t;
}

/* The ids as "1 2 3". */
static void expect_ids(const pome_tokenizer *t, const char *text, unsigned flags,
                       const char *want) {
  int32_t ids[64];
  size_t count;
  pome_error error;
  char have[512] = "";
  check_ok(pome_tokenizer_encode_with(t, text, strlen(text), flags, ids, NULL, 64, &count, &error),
           &error);
  for (size_t i = 0, at = 0; i < count; i++)
    at += (size_t)snprintf(have + at, sizeof have - at, i > 0 ? " %d" : "%d", ids[i]);
  assert_string_equal(have, want);
}

static void expect_text(const pome_tokenizer *t, const int32_t *ids, size_t count, unsigned flags,
                        const char *want) {
  char text[256];
  size_t size;
  pome_error error;
  check_ok(pome_tokenizer_decode(t, ids, count, flags, text, sizeof text - 1, &size, &error),
           &error);
  text[size] = '\0';
  assert_string_equal(text, want);
}

static void byte_level(void **context) {
  (void)context;
  gguf_writer w;
  begin_bytes(&w, "qwen2");
  gguf_u32(&w, "tokenizer.ggml.unknown_token_id", 3); /* changes nothing where bytes are tokens */
  pome_tokenizer *t = open_good(&w);
  expect_ids(t, "ab ab", 0, "3 4");
  expect_ids(t, "ab<|end|>a", 0, "3 6 0");
  expect_ids(t, "a<tool>b", POME_ENCODE_PLAIN, "0 7 1"); /* user-defined ones stay */
  expect_ids(t, "a  b", 0, "0 8 1");
  expect_ids(t, "ab", POME_ENCODE_SPECIAL, "3"); /* nothing unless it is asked for */
  expect_text(t, (const int32_t[]){4, 6, 8, 9, 0}, 5, 0, " ab<|end|>  a"); /* unused: no text */
  expect_text(t, (const int32_t[]){4, 6, 7, 5}, 4, POME_DECODE_SKIP_SPECIAL,
              " ab<tool>\xef\xbf\xbd");
  assert_int_equal(pome_tokenizer_vocab_size(t), COUNT(byte_tokens));
  assert_true(pome_tokenizer_is_special(t, 6) && !pome_tokenizer_is_special(t, 7));
  assert_int_equal(pome_tokenizer_find(t, "<tool>", 6), 7);
  assert_int_equal(pome_tokenizer_find(t, " ab", 3), 4);
  pome_tokenizer_close(t);
}

/* Family, file: bos by default or when asked for. */
static void around(void **context) {
  (void)context;
  static const struct {
    const char *pre;
    int bos, eos;
    const char *want;
  } cases[] = {{"qwen2", -1, -1, "3"},     {"qwen2", 1, 1, "10 3 6"}, {"llama-bpe", -1, -1, "10 3"},
               {"llama-bpe", 0, 1, "3 6"}, {"tekken", -1, 0, "10 3"}, {NULL, -1, -1, "3"},
               {"default", 1, -1, "10 3"}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    gguf_writer w;
    begin_bytes(&w, cases[i].pre);
    if (cases[i].bos >= 0) gguf_bool(&w, "tokenizer.ggml.add_bos_token", cases[i].bos);
    if (cases[i].eos >= 0) gguf_bool(&w, "tokenizer.ggml.add_eos_token", cases[i].eos);
    pome_tokenizer *t = open_good(&w);
    expect_ids(t, "ab", POME_ENCODE_SPECIAL, cases[i].want);
    pome_tokenizer_close(t);
  }
}

static void without_types(void **context) {
  (void)context;
  gguf_writer w;
  gguf_begin(&w, 3);
  gguf_string(&w, "tokenizer.ggml.model", "gpt2");
  gguf_strings(&w, "tokenizer.ggml.tokens", byte_tokens, COUNT(byte_tokens));
  gguf_strings(&w, "tokenizer.ggml.merges", byte_merges, COUNT(byte_merges));
  gguf_u32(&w, "tokenizer.ggml.eot_token_id", 6);
  gguf_u32(&w, "tokenizer.ggml.padding_token_id", UINT32_MAX); /* as files without one have */
  pome_tokenizer *t = open_good(&w);
  expect_ids(t, "ab<|end|>", 0, "3 6");
  assert_true(pome_tokenizer_is_special(t, 6));
  assert_false(pome_tokenizer_is_special(t, 10));
  pome_tokenizer_close(t);
}

/* Then every <0xNN> is a byte. */
static void pieces_without_types(void **context) {
  (void)context;
  gguf_writer w;
  gguf_begin(&w, 3);
  gguf_string(&w, "tokenizer.ggml.model", "llama");
  gguf_strings(&w, "tokenizer.ggml.tokens", piece_tokens, COUNT(piece_tokens));
  gguf_f32s(&w, "tokenizer.ggml.scores", piece_scores, COUNT(piece_scores));
  gguf_u32(&w, "tokenizer.ggml.unknown_token_id", 0);
  gguf_u32(&w, "tokenizer.ggml.eos_token_id", 2);
  pome_tokenizer *t = open_good(&w);
  expect_ids(t, "b\xc3\xa9\xc3\xbf</s>", 0, "7 6 3 4 0 2");
  pome_tokenizer_close(t);
}

static void composed(void **context) {
  (void)context;
  static const struct {
    const char *pre;
    int nfc;
    const char *want;
  } cases[] = {
      {"qwen2", -1, "3"}, {"qwen2", 0, "0 1 2"}, {"gpt-2", -1, "0 1 2"}, {"gpt-2", 1, "3"}};
  static const char *const tokens[] = {"e",        "\xc3\x8c", "\xc4\xa3", "\xc3\x83\xc2\xa9",
                                       "\xc3\x83", "\xc2\xa9"}; /* e, cc, 81, c3 a9, c3, a9 */
  static const char *const merges[] = {"\xc3\x83 \xc2\xa9"};
  for (size_t i = 0; i < COUNT(cases); i++) {
    gguf_writer w;
    gguf_begin(&w, 3);
    gguf_string(&w, "tokenizer.ggml.model", "gpt2");
    gguf_string(&w, "tokenizer.ggml.pre", cases[i].pre);
    gguf_strings(&w, "tokenizer.ggml.tokens", tokens, COUNT(tokens));
    gguf_strings(&w, "tokenizer.ggml.merges", merges, 1);
    if (cases[i].nfc >= 0) gguf_bool(&w, "tokenizer.ggml.normalizer.nfc", cases[i].nfc);
    pome_tokenizer *t = open_good(&w);
    expect_ids(t, "e\xcc\x81", 0, cases[i].want);
    pome_tokenizer_close(t);
  }
}

static void pieces(void **context) {
  (void)context;
  gguf_writer w;
  begin_pieces(&w, "llama");
  pome_tokenizer *t = open_good(&w);
  expect_ids(t, "ab", 0, "9");
  expect_ids(t, "ab", POME_ENCODE_SPECIAL, "1 9");
  expect_ids(t, "aab", 0, "7 5 8");
  expect_ids(t, "b\xc3\xa9", 0, "7 6 3 4");
  expect_ids(t, "ab</s>ab", 0, "9 2 9");
  expect_ids(t, "a<x>b", POME_ENCODE_PLAIN, "7 5 10 7 6");
  expect_ids(t, "</s>", POME_ENCODE_PLAIN, "7 0");
  expect_text(t, (const int32_t[]){9, 9, 2, 3, 4}, 5, 0, "ab ab</s>\xc3\xa9");
  expect_text(t, (const int32_t[]){1, 9, 3}, 3, POME_DECODE_SKIP_SPECIAL, "ab\xef\xbf\xbd");
  pome_tokenizer_close(t);
  begin_pieces(&w, "llama");
  gguf_bool(&w, "tokenizer.ggml.add_space_prefix", false);
  gguf_bool(&w, "tokenizer.ggml.remove_extra_whitespaces", true);
  gguf_bool(&w, "tokenizer.ggml.add_eos_token", true);
  t = open_good(&w);
  expect_ids(t, " ab  ab ", POME_ENCODE_SPECIAL, "1 8 9 2");
  expect_text(t, (const int32_t[]){9, 9}, 2, 0, " ab ab");
  pome_tokenizer_close(t);
}

/* As files have them whose vocabulary was filled up to a round number. */
static void pieces_and_unused(void **context) {
  (void)context;
  const char *tokens[COUNT(piece_tokens) + 2];
  float scores[COUNT(tokens)] = {0};
  int32_t types[COUNT(tokens)] = {0};
  memcpy(tokens, piece_tokens, sizeof piece_tokens);
  memcpy(scores, piece_scores, sizeof piece_scores);
  memcpy(types, piece_types, sizeof piece_types);
  for (size_t i = COUNT(piece_tokens); i < COUNT(tokens); i++)
    tokens[i] = i % 2 ? "[PAD1]" : "[PAD0]", types[i] = 5;
  gguf_writer w;
  gguf_begin(&w, 3);
  gguf_string(&w, "tokenizer.ggml.model", "llama");
  gguf_strings(&w, "tokenizer.ggml.tokens", tokens, COUNT(tokens));
  gguf_f32s(&w, "tokenizer.ggml.scores", scores, COUNT(scores));
  gguf_i32s(&w, "tokenizer.ggml.token_type", types, COUNT(types));
  pome_tokenizer *t = open_good(&w);
  expect_ids(t, "aab", 0, "7 5 8");
  assert_int_equal(pome_tokenizer_vocab_size(t), COUNT(tokens));
  pome_tokenizer_close(t);
}

/* Merges over characters, without a space in front. */
static void characters(void **context) {
  (void)context;
  static const char *const merges[] = {"a b", SPACE " ab"};
  gguf_writer w;
  gguf_begin(&w, 3);
  gguf_string(&w, "tokenizer.ggml.model", "gemma4");
  gguf_strings(&w, "tokenizer.ggml.tokens", piece_tokens, COUNT(piece_tokens));
  gguf_i32s(&w, "tokenizer.ggml.token_type", piece_types, COUNT(piece_types));
  gguf_strings(&w, "tokenizer.ggml.merges", merges, 2);
  gguf_u32(&w, "tokenizer.ggml.bos_token_id", 1);
  gguf_u32(&w, "tokenizer.ggml.unknown_token_id", 0);
  pome_tokenizer *t = open_good(&w);
  expect_ids(t, "ab ab", POME_ENCODE_SPECIAL, "1 8 9");
  expect_ids(t, "ba<x>\xc3\xa9?", 0, "6 5 10 3 4 0");
  expect_text(t, (const int32_t[]){9, 9, 3, 4}, 4, 0, " ab ab\xc3\xa9");
  pome_tokenizer_close(t);
}

static void unigram(void **context) {
  (void)context;
  gguf_writer w;
  begin_pieces(&w, "t5");
  gguf_bool(&w, "tokenizer.ggml.add_space_prefix", true);
  pome_tokenizer *t = open_good(&w);
  expect_ids(t, "ab ab", POME_ENCODE_SPECIAL, "9 9 2");
  expect_ids(t, "aba", 0, "9 5");
  expect_ids(t, "\xc3\xa9", 0, "7 3 4");
  expect_text(t, (const int32_t[]){9, 9, 3, 4}, 4, 0, "ab ab\xc3\xa9");
  pome_tokenizer_close(t);
}

static void words(void **context) {
  (void)context;
  gguf_writer w;
  begin_words(&w);
  pome_tokenizer *t = open_good(&w);
  expect_ids(t, "Unable \xc3\x84 [a]", 0, "3 4 5 7 5 8");
  expect_ids(t, "unfit[SEP]a", POME_ENCODE_SPECIAL, "1 0 2 5 2");
  expect_ids(t, "", POME_ENCODE_SPECIAL, "1 2");
  expect_text(t, (const int32_t[]){1, 3, 4, 5, 2}, 5, POME_DECODE_SKIP_SPECIAL, "unable a");
  assert_int_equal(pome_tokenizer_find(t, "##able", 6), 4);
  pome_tokenizer_close(t);
  begin_words(&w);
  gguf_bool(&w, "tokenizer.ggml.normalizer.lowercase", false);
  gguf_bool(&w, "tokenizer.ggml.add_bos_token", false);
  t = open_good(&w);
  expect_ids(t, "a A", POME_ENCODE_SPECIAL, "5 0 2");
  pome_tokenizer_close(t);
}

/* ---- families ---- */

static pome_status add_word(void *context, const pome__view *word, pome_error *error) {
  char *text = context;
  (void)error;
  if (text[0] != '\0') strcat(text, "|");
  strncat(text, word->data, word->size);
  return POME_OK;
}

static void families(void **context) {
  (void)context;
  static const char text[] = "we'LL pay $1234 for camelCase \n\n  x=\xe4\xb8\xad\xe6\x96\x87"
                             "12"
                             "\xe3\x81\xa7\xe3\x81\x99\xe2\x80\xa6";
#define HAN  "\xe4\xb8\xad\xe6\x96\x87"
#define DESU "\xe3\x81\xa7\xe3\x81\x99"
#define DOTS "\xe2\x80\xa6"
#define GPT4(digits, more)                                                                         \
  "we|'LL| pay| $|" digits "| for| camelCase| \n\n| | x|=" HAN "|" more "|" DESU "|" DOTS
#define ONES   GPT4("1|2|3|4", "1|2")
#define THREES GPT4("123|4", "12")
  static const struct {
    const char *pre, *words;
  } cases[] = {
      {"gpt-2", "we|'|LL| pay| $|1234| for| camelCase| \n\n | x|=|" HAN "|12|" DESU "|" DOTS},
      {"smollm", "we|'|LL| pay| $|1|2|3|4| for| camelCase| \n\n | x|=|" HAN "|1|2|" DESU "|" DOTS},
      {"command-r",
       "we|'|LL| pay| $|1|2|3|4| for| camelCase| \n\n | x|=|" HAN "|1|2|" DESU "|" DOTS},
      {"falcon", "we|'|LL| pay| |$|123|4| for| camelCase| \n\n | x|=|" HAN "|12|" DESU "|" DOTS},
      {"llama-bpe", THREES},
      {"chatglm-bpe", THREES},
      {"jais-2", THREES},
      {"minicpm5", THREES},
      {"qwen2", ONES},
      {"deepseek-r1-qwen", ONES},
      {"qwen35", ONES},
      {"bailingmoe", ONES},
      {"seed-coder", ONES},
      {"exaone-moe",
       "we|'LL| pay| $|1|2|3|4| for camelCase| \n\n| | x|=" HAN "|1|2|" DESU "|" DOTS},
      {"gpt-4o", "we'LL| pay| $|123|4| for| camel|Case| \n\n| | x|=" HAN "|12|" DESU "|" DOTS},
      {"llama4", "we'LL| pay| $|123|4| for| camel|Case| \n\n| | x|=" HAN "|12|" DESU "|" DOTS},
      {"tiny_aya", "we'LL| pay| $|1|234| for| camel|Case| \n\n| | x|=" HAN "|12|" DESU "|" DOTS},
      {"tekken", "we|'LL| pay| $|1|2|3|4| for| camel|Case| \n\n| | x|=" HAN "|1|2|" DESU "|" DOTS},
      {"deepseek-v3",
       "we|'LL| pay| $|123|4| for| camelCase| \n\n| | x|=|" HAN "|12|" DESU "|" DOTS},
      {"deepseek-coder",
       "we|'|LL| pay| $|1|2|3|4| for| camelCase| |\n|\n| | x|=|" HAN "|1|2|" DESU "|" DOTS},
      {"viking", "we'LL| pay| $|1|2|3|4| for| camelCase| \n\n | x=" HAN "|1|2|" DESU "|" DOTS},
      {"bloom", "we'LL| pay| $1234| for| camelCase| \n\n | x=" HAN "12" DESU "|" DOTS},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    gguf_writer w;
    char have[512] = "";
    pome_error error;
    begin_bytes(&w, cases[i].pre);
    pome_tokenizer *t = open_good(&w);
    pome__matcher matcher = {NULL, NULL, 0};
    pome__cutting cutting = {
        .pretokenizer = &t->pretokenizer, .matcher = &matcher, .word = add_word, .context = have};
    pome__view view = {text, sizeof text - 1, NULL, 0};
    check_ok(pome__pretokenize(&cutting, &view, true, &error), &error);
    if (strcmp(have, cases[i].words) != 0)
      fail_msg("%s: \"%s\"; \"%s\" is expected", cases[i].pre, have, cases[i].words);
    pome__matcher_free(&matcher);
    pome_tokenizer_close(t);
  }
}

/* ---- files that are refused ---- */

static void wrong_model(gguf_writer *w) {
  gguf_begin(w, 3);
  gguf_string(w, "tokenizer.ggml.model", "rwkv");
}
static void no_model(gguf_writer *w) {
  gguf_begin(w, 3);
  gguf_string(w, "general.architecture", "llama");
}
static void number_for_model(gguf_writer *w) {
  gguf_begin(w, 3);
  gguf_u32(w, "tokenizer.ggml.model", 1);
}
static void wrong_family(gguf_writer *w) {
  begin_bytes(w, "qwen");
}
static void family_of_many(gguf_writer *w) {
  begin_bytes(w, "qwen2 qwen35");
}
static void begin_only(gguf_writer *w, const char *model, const char *token) {
  gguf_begin(w, 3);
  gguf_string(w, "tokenizer.ggml.model", model);
  gguf_strings(w, "tokenizer.ggml.tokens", &token, 1);
}
static void no_tokens(gguf_writer *w) {
  gguf_begin(w, 3);
  gguf_string(w, "tokenizer.ggml.model", "gpt2");
}
static void tokens_of_numbers(gguf_writer *w) {
  no_tokens(w);
  gguf_i32s(w, "tokenizer.ggml.tokens", word_types, 2);
}
static void no_merges(gguf_writer *w) {
  begin_only(w, "gpt2", "a");
}
static void merge_of_one(gguf_writer *w) {
  static const char *const merges[] = {"a"};
  begin_only(w, "gpt2", "a");
  gguf_strings(w, "tokenizer.ggml.merges", merges, 1);
}
static void merge_to_nothing(gguf_writer *w) {
  static const char *const merges[] = {"a a"};
  begin_only(w, "gpt2", "a");
  gguf_strings(w, "tokenizer.ggml.merges", merges, 1);
}
static void no_scores(gguf_writer *w) {
  begin_only(w, "llama", "a");
}
static void score_that_is_none(gguf_writer *w) {
  static const float none[] = {NAN};
  begin_only(w, "llama", "a");
  gguf_f32s(w, "tokenizer.ggml.scores", none, 1);
}
static void broken_token(gguf_writer *w) {
  begin_only(w, "bert", "\xff");
}
static void few_types(gguf_writer *w) {
  begin_only(w, "bert", "a");
  gguf_i32s(w, "tokenizer.ggml.token_type", word_types, 0);
}
static void wrong_type(gguf_writer *w) {
  static const int32_t seven[] = {7};
  begin_only(w, "bert", "a");
  gguf_i32s(w, "tokenizer.ggml.token_type", seven, 1);
}
static void flag_of_number(gguf_writer *w) {
  begin_words(w);
  gguf_u32(w, "tokenizer.ggml.add_bos_token", 1);
}
static void wrong_map(gguf_writer *w) {
  begin_pieces(w, "t5");
  gguf_array(w, "tokenizer.ggml.precompiled_charsmap", POME__GGUF_UINT8, 3);
  gguf_put(w, "abc", 3);
}

static void refused(void **context) {
  (void)context;
  static const struct {
    void (*write)(gguf_writer *);
    pome_status status;
    const char *message;
  } cases[] = {
      {wrong_model, POME_UNSUPPORTED, "\"rwkv\""},
      {no_model, POME_INPUT, "no tokenizer"},
      {number_for_model, POME_INPUT, "is of kind uint32; a string"},
      {wrong_family, POME_UNSUPPORTED, "\"qwen\""},
      {family_of_many, POME_UNSUPPORTED, "\"qwen2 qwen35\""},
      {no_tokens, POME_INPUT, "0 tokens"},
      {tokens_of_numbers, POME_INPUT, "an array of int32; an array of strings"},
      {no_merges, POME_INPUT, "no merges"},
      {merge_of_one, POME_INPUT, "merge 0 is not a pair"},
      {merge_to_nothing, POME_INPUT, "merge 0 names a token"},
      {no_scores, POME_INPUT, "no scores"},
      {score_that_is_none, POME_INPUT, "is no number"},
      {broken_token, POME_INPUT, "token 0 is not valid UTF-8"},
      {few_types, POME_INPUT, "0 elements for 1 tokens"},
      {wrong_type, POME_INPUT, "of type 7"},
      {flag_of_number, POME_INPUT, "bool is needed"},
      {wrong_map, POME_INPUT, "character map"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    gguf_writer w;
    pome_tokenizer *t = NULL;
    pome_error error;
    cases[i].write(&w);
    pome_status status = open_written(&w, NULL, &t, &error);
    if (status != cases[i].status || strstr(error.message, cases[i].message) == NULL)
      fail_msg("case %zu: status %d: %s", i, status, status == POME_OK ? "" : error.message);
    gguf_free(&w);
  }
}

static char file_path[64];

static void write_file(gguf_writer *w) {
  pome__bytes bytes = gguf_end(w, 32, 0);
  snprintf(file_path, sizeof file_path, "/tmp/pome-gguf-XXXXXX");
  int file = mkstemp(file_path);
  assert_true(file >= 0);
  assert_int_equal(write(file, bytes.data, bytes.size), (ssize_t)bytes.size);
  close(file);
  gguf_free(w);
}

/* ---- large and hostile ones ---- */

static double seconds_to_read(gguf_writer *w, pome_status want) {
  pome_tokenizer *t = NULL;
  pome_error error;
  clock_t begin = clock();
  pome_status status = open_written(w, NULL, &t, &error);
  double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
  if (status != want) fail_msg("status %d: %s", status, status == POME_OK ? "" : error.message);
  pome_tokenizer_close(t);
  gguf_free(w);
  return seconds;
}

static void large(void **context) {
  (void)context;
  enum { TOKENS = 250000 };
  char text[32];
  gguf_writer w;
  for (int kind = 0; kind < 3; kind++) {
    gguf_begin(&w, 3);
    gguf_string(&w, "tokenizer.ggml.model", kind == 0 ? "gpt2" : kind == 1 ? "llama" : "bert");
    gguf_array(&w, "tokenizer.ggml.tokens", POME__GGUF_STRING, TOKENS);
    for (int i = 0; i < TOKENS; i++)
      gguf_put_text(&w, text, (size_t)snprintf(text, sizeof text, "%d", i));
    gguf_array(&w, "tokenizer.ggml.scores", POME__GGUF_FLOAT32, TOKENS);
    for (int i = 0; i < TOKENS; i++) gguf_put_f32(&w, -(float)i);
    gguf_array(&w, "tokenizer.ggml.merges", POME__GGUF_STRING, TOKENS - 10);
    for (int i = 10; i < TOKENS; i++)
      gguf_put_text(&w, text, (size_t)snprintf(text, sizeof text, "%d %d", i / 10, i % 10));
    double seconds = seconds_to_read(&w, POME_OK);
    printf("%d tokens of kind %d in %.0f ms\n", TOKENS, kind, 1e3 * seconds);
    assert_true(seconds < 5); /* under a sanitizer on a busy machine */
  }
  gguf_begin(&w, 3);
  gguf_string(&w, "tokenizer.ggml.model", "gpt2");
  gguf_array(&w, "tokenizer.ggml.tokens", POME__GGUF_STRING, POME__VOCAB_LIMIT + 1);
  for (int i = 0; i <= POME__VOCAB_LIMIT; i++) gguf_put_number(&w, 0, 8);
  (void)seconds_to_read(&w, POME_INPUT);
}

/* No word is too long for a vocabulary without pre-tokenizer. */
static void long_words(void **context) {
  (void)context;
  enum { SIZE = 1 << 20 };
  static char text[SIZE];
  static const char letters[] = {'a', ' ', 'b'};
  gguf_writer w;
  begin_pieces(&w, "llama");
  pome_tokenizer *t = open_good(&w);
  for (size_t i = 0; i < COUNT(letters); i++) {
    size_t count;
    pome_error error;
    memset(text, letters[i], SIZE);
    clock_t begin = clock();
    check_ok(pome_tokenizer_encode(t, text, SIZE, NULL, 0, &count, &error), &error);
    assert_int_equal(count, SIZE + 1);
    assert_true((double)(clock() - begin) / CLOCKS_PER_SEC < 5);
  }
  pome_tokenizer_close(t);
}

/* Payloads of CVE-2024-34359 and CVE-2026-5760, which came in a GGUF's template; and one without
 * end. */
static void hostile_templates(void **context) {
  (void)context;
  static const char *const payloads[] = {
      "{% for c in [].__class__.__base__.__subclasses__() %}{% if c.__name__ == 'catch_warnings' %}"
      "{{ c()._module.__builtins__['__import__']('os').popen('id').read() }}{% endif %}{% endfor "
      "%}",
      "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
      "{{ messages.__class__.__mro__[1].__subclasses__() }}",
      "{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}",
      "{% macro f(x) %}{{ f(x ~ x) }}{% endmacro %}{{ f('ab') }}",
  };
  for (size_t i = 0; i < COUNT(payloads); i++) {
    gguf_writer w;
    pome_template *chat;
    pome_error error;
    char *rendered;
    size_t size;
    begin_bytes(&w, "qwen2");
    gguf_string(&w, "tokenizer.chat_template", payloads[i]);
    write_file(&w);
    pome_status status = pome_template_open(file_path, NULL, NULL, &chat, &error);
    if (status == POME_OK) {
      status = pome_template_render(chat, "{\"messages\": []}", 16, 0, &rendered, &size, &error);
      pome_template_close(chat);
    }
    if (status != POME_INPUT) fail_msg("payload %zu: status %d", i, status);
    unlink(file_path);
  }
}

static pome_status open_once(void *context, const pome_allocator *allocator, pome_error *error) {
  pome_tokenizer *t = NULL;
  pome_status status =
      pome__tokenizer_from_memory(*(const pome__bytes *)context, allocator, &t, error);
  pome_tokenizer_close(t);
  return status;
}

static void lack_of_memory(void **context) {
  (void)context;
  for (int kind = 0; kind < 3; kind++) {
    gguf_writer w;
    if (kind == 0) begin_bytes(&w, "llama-bpe");
    else if (kind == 1) begin_pieces(&w, "llama");
    else begin_words(&w);
    pome__bytes file = gguf_end(&w, 32, 0);
    assert_in_range(budget_starve(open_once, &file, true), 1, 100);
    gguf_free(&w);
  }
}

/* ---- templates and ends, from files ---- */

static void expect_render(const char *name, const char *want) {
  static const char talk[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}";
  pome_template *chat;
  pome_error error;
  char *text;
  size_t size;
  check_ok(pome_template_open(file_path, name, NULL, &chat, &error), &error);
  check_ok(pome_template_render(chat, talk, sizeof talk - 1, 0, &text, &size, &error), &error);
  assert_string_equal(text, want);
  pome_template_free_text(chat, text, size);
  pome_template_close(chat);
}

static void expect_no_template(const char *name, pome_status status, const char *message) {
  pome_template *chat;
  pome_error error;
  assert_int_equal(pome_template_open(file_path, name, NULL, &chat, &error), status);
  if (strstr(error.message, message) == NULL) fail_msg("%s", error.message);
}

static void templates(void **context) {
  (void)context;
  static const char *const names[] = {"tool_use"};
  gguf_writer w;
  begin_bytes(&w, "qwen2");
  gguf_string(&w, "tokenizer.chat_template",
              "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ unk_token is defined }}");
  gguf_string(&w, "tokenizer.chat_template.tool_use", "tools");
  gguf_strings(&w, "tokenizer.chat_templates", names, 1);
  write_file(&w);
  expect_render(NULL, "<|start|>Hi<|end|>False");
  expect_render("default", "<|start|>Hi<|end|>False");
  expect_render("tool_use", "tools");
  expect_render("tool-use", "tools"); /* as the converter spells names */
  expect_no_template("rag", POME_INPUT, "there are: default, tool_use");
  unlink(file_path);
  begin_bytes(&w, "qwen2");
  gguf_string(&w, "tokenizer.chat_template", "{{ x");
  write_file(&w);
  expect_no_template(NULL, POME_INPUT, "");
  unlink(file_path);
}

static void family_template(void **context) {
  (void)context;
  static const char *const tokens[] = {"a", "<|im_start|>", "<|im_end|>"};
  static const int32_t types[][3] = {{1, 3, 3}, {1, 1, 3}};
  for (int known = 1; known >= 0; known--) {
    gguf_writer w;
    gguf_begin(&w, 3);
    gguf_strings(&w, "tokenizer.ggml.tokens", tokens, 3);
    gguf_i32s(&w, "tokenizer.ggml.token_type", types[!known], 3);
    write_file(&w);
    if (known) expect_render(NULL, "<|im_start|>user\nHi<|im_end|>\n");
    else expect_no_template(NULL, POME_UNSUPPORTED, "no chat template");
    unlink(file_path);
  }
}

static void ends(void **context) {
  (void)context;
  static const char *const keys[] = {"eot", "eom", "fim_pad", "fim_pre", "fim_sep"};
  gguf_writer w;
  pome_tokenizer *t;
  pome_stops *stops;
  pome_error error;
  size_t count;
  char key[64];
  begin_bytes(&w, "qwen2"); /* eos is 6 */
  for (uint32_t i = 0; i < COUNT(keys); i++) {
    snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", keys[i]);
    gguf_u32(&w, key, i == 4 ? 1000 : i);
  }
  write_file(&w);
  check_ok(pome_tokenizer_open(file_path, NULL, &t, &error), &error);
  check_ok(pome_stops_create(t, file_path, NULL, NULL, 0, NULL, &stops, &error), &error);
  const int32_t *ids = pome_stops_ids(stops, &count);
  static const int32_t want[] = {6, 0, 1, 2};
  assert_int_equal(count, COUNT(want));
  for (size_t i = 0; i < count; i++) assert_int_equal(ids[i], want[i]);
  pome_stops_free(stops);
  pome_tokenizer_close(t);
  pome_llm *llm;
  assert_int_equal(pome_llm_open(file_path, NULL, &llm, &error), POME_UNSUPPORTED);
  assert_non_null(strstr(error.message, "GGUF"));
  unlink(file_path);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(byte_level),
                                     cmocka_unit_test(around),
                                     cmocka_unit_test(without_types),
                                     cmocka_unit_test(composed),
                                     cmocka_unit_test(pieces_without_types),
                                     cmocka_unit_test(pieces),
                                     cmocka_unit_test(pieces_and_unused),
                                     cmocka_unit_test(unigram),
                                     cmocka_unit_test(characters),
                                     cmocka_unit_test(words),
                                     cmocka_unit_test(families),
                                     cmocka_unit_test(refused),
                                     cmocka_unit_test(lack_of_memory),
                                     cmocka_unit_test(templates),
                                     cmocka_unit_test(family_template),
                                     cmocka_unit_test(ends),
                                     cmocka_unit_test(large),
                                     cmocka_unit_test(long_words),
                                     cmocka_unit_test(hostile_templates)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
