/* See gguf_words.h. The patterns are those of the families' published tokenizers, put together from
 * the parts that recur; where llama.cpp has no more than an approximation, this is the original.
 */
#include "llm/text/gguf_words.h"

#include <string.h>

#include "llm/text/pretokenizer.h"

#define ENGLISH "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define BEFORE                                                                                     \
  "[^\\r\\n\\p{L}\\p{N}]?" /* one mark or space that goes with the letters behind it               \
                            */
#define MARKS  " ?[^\\s\\p{L}\\p{N}]+"
#define SPACES "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define ONE    "\\p{N}"
#define THREE  "\\p{N}{1,3}"

/* GPT-4's words, with digits cut in different ways. */
#define LINES(digits) ENGLISH "|" BEFORE "\\p{L}+|" digits "|" MARKS "[\\r\\n]*|" SPACES
/* Those of o200k: a large letter starts a word. */
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED(behind, digits)                                                                      \
  BEFORE UPPER "*" LOWER "+" behind "|" BEFORE UPPER "+" LOWER "*" behind "|" digits "|" MARKS     \
               "[\\r\\n/]*|" SPACES
#define O200K CASED(ENGLISH "?", THREE)
/* DeepSeek V3's second and third step, with what may follow marks, and line ends. */
#define IDEOGRAPHS "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}]+"
#define MARKED(marks, lines)                                                                       \
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|"                                         \
  "[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+" marks "|" lines                  \
  "|\\s+(?!\\S)|\\s+"
#define EAST_ASIA "[\\x{4e00}-\\x{9fa5}\\x{0800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+"
#define BLOOM     " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{0964}\\x{06d4}\\x{060c})]+"

/* Letters with case, as DeepSeek LLM lists them: an older Unicode's, without Georgian small ones.
 */
#define CASED_LETTERS                                                                              \
  "[A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}\\x{1bc}-\\x{1bf}\\x{1c4}-\\x{293}" \
  "\\x{295}-\\x{2af}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37b}-\\x{37d}\\x{37f}\\x{386}"            \
  "\\x{388}-\\x{38a}\\x{38c}\\x{38e}-\\x{3a1}\\x{3a3}-\\x{3f5}\\x{3f7}-\\x{481}\\x{48a}-\\x{52f}"  \
  "\\x{531}-\\x{556}\\x{10a0}-\\x{10c5}\\x{13a0}-\\x{13f5}\\x{13f8}-\\x{13fd}\\x{1c90}-\\x{1cba}"  \
  "\\x{1cbd}-\\x{1cbf}\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}\\x{1d79}-\\x{1d9a}"                   \
  "\\x{1e00}-\\x{1f15}\\x{1f18}-\\x{1f1d}\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}\\x{1f50}-\\x{"     \
  "1f57}"                                                                                          \
  "\\x{1f59}\\x{1f5b}\\x{1f5d}\\x{1f5f}-\\x{1f7d}\\x{1f80}-\\x{1fb4}\\x{1fb6}-\\x{1fbc}\\x{1fbe}"  \
  "\\x{1fc2}-\\x{1fc4}\\x{1fc6}-\\x{1fcc}\\x{1fd0}-\\x{1fd3}\\x{1fd6}-\\x{1fdb}"                   \
  "\\x{1fe0}-\\x{1fec}\\x{1ff2}-\\x{1ff4}\\x{1ff6}-\\x{1ffc}\\x{2102}\\x{2107}\\x{210a}-\\x{2113}" \
  "\\x{2115}\\x{2119}-\\x{211d}\\x{2124}\\x{2126}\\x{2128}\\x{212a}-\\x{212d}\\x{212f}-\\x{2134}"  \
  "\\x{2139}\\x{213c}-\\x{213f}\\x{2145}-\\x{2149}\\x{214e}\\x{2183}\\x{2184}"                     \
  "\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}\\x{2ceb}-\\x{2cee}\\x{2cf2}\\x{2cf3}"                    \
  "\\x{a640}-\\x{a66d}\\x{a680}-\\x{a69b}\\x{a722}-\\x{a76f}\\x{a771}-\\x{a787}"                   \
  "\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}\\x{fb00}-\\x{fb06}\\x{fb13}-\\x{fb17}"                   \
  "\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}\\x{10400}-\\x{1044f}\\x{104b0}-\\x{104d3}"               \
  "\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}\\x{118a0}-\\x{118df}"           \
  "\\x{1e900}-\\x{1e943}]+"
#define DEEPSEEK_MARKS                                                                             \
  "\\s?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3000}-\\x{3002}]+"

static const pome__gguf_words table[] = {
    {.names = "default",
     .patterns = {"[\\p{P}$+<=>^~|]+", POME__GPT2_WORDS, "\\p{N}+", "[0-9][0-9][0-9]"}},
    {.names = "gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de jina-v1-en jina-v2-code "
              "roberta-bpe gigachat a.x-4.0 mellum modern-bert exaone4 jais trillion "
              "granite-docling",
     .patterns = {POME__GPT2_WORDS}},
    {.names = "mpt olmo", .patterns = {POME__GPT2_WORDS}, .nfc = true},
    {.names = "starcoder refact smollm codeshell exaone minerva-7b mellum2",
     .patterns = {ONE, POME__GPT2_WORDS}},
    {.names = "command-r", .patterns = {ONE, POME__GPT2_WORDS}, .nfc = true},
    {.names = "falcon", .patterns = {"[\\p{P}$+<=>^~|`]+", POME__GPT2_WORDS, "[0-9][0-9][0-9]"}},
    {.names = "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
     .patterns = {LINES(THREE)},
     .whole = true,
     .bos = true},
    {.names = "dbrx smaug-bpe glm4 chatglm-bpe", .patterns = {LINES(THREE)}},
    {.names = "qwen2", .patterns = {LINES(ONE)}, .nfc = true},
    {.names = "stablelm2 deepseek-r1-qwen kormo f2llmv2 megrez hunyuan solar-open grok-2",
     .patterns = {LINES(ONE)}},
    {.names = "qwen35",
     .patterns = {ENGLISH "|" BEFORE "[\\p{L}\\p{M}]+|" ONE
                          "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" SPACES},
     .nfc = true},
    {.names = "minicpm5", .patterns = {THREE, LINES("\\p{N}+")}, .whole = true},
    {.names = "laguna", .patterns = {"[^\\n]+|[\\n]+", LINES(ONE)}},
    {.names = "seed-coder",
     .patterns = {ENGLISH "|" BEFORE "\\p{L}+|" ONE "| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" SPACES}},
    {.names = "ufakzeka", .patterns = {BEFORE "\\p{L}+|" ONE "|" MARKS "[\\r\\n]*|" SPACES}},
    {.names = "bailingmoe bailingmoe2 llada-moe",
     .patterns = {"'(?i:[sdmt]|ll|ve|re)|" BEFORE "+\\p{L}+|" ONE "|" MARKS
                  "+[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"}},
    {.names = "exaone-moe",
     .patterns = {ENGLISH "|" BEFORE "(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|" ONE "|" MARKS
                          "[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"}},
    {.names = "jais-2",
     .patterns = {ENGLISH "|" BEFORE "\\p{L}+|" THREE "|" MARKS
                          "[\\r\\n]*|\\s*[\\r\\n]+|\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)|"
                          "\\s{64}(?!\\S)|\\s{32}(?!\\S)|\\s{16}(?!\\S)|\\s{8}(?!\\S)|"
                          "\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s"}},
    {.names = "gpt-4o llama4 kanana2 talkie minimax-m2", .patterns = {O200K}},
    {.names = "granite-embed-multi-97m", .patterns = {O200K}, .whole = true},
    {.names = "tiny_aya cohere2moe", .patterns = {"\\d{1,3}(?=(?:\\d{3})*\\b)", O200K}},
    {.names = "tekken", .patterns = {CASED("", ONE)}, .whole = true, .bos = true},
    {.names = "deepseek-llm",
     .patterns = {"[\\r\\n]", "\\s?" CASED_LETTERS, DEEPSEEK_MARKS, "\\s+$", EAST_ASIA, "\\p{N}+"}},
    {.names = "deepseek-coder",
     .patterns = {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", EAST_ASIA, ONE}},
    {.names = "deepseek-v3 hunyuan-dense joyai-llm hy_v4",
     .patterns = {THREE, IDEOGRAPHS, MARKED("[\\r\\n]*", "\\s*[\\r\\n]+")}},
    {.names = "spark2_5", .patterns = {THREE, IDEOGRAPHS, MARKED("", "[\\r\\n]"), ONE}},
    {.names = "poro-chat bloom gpt3-finnish", .patterns = {BLOOM}},
    {.names = "viking", .patterns = {BLOOM, ONE}},
    {.names = "chameleon",
     .patterns = {"<sentinel:[0-9]+>|IMGIMG[A-I]{1,4}Z", "[\\t\\n]|    |  ", ONE,
                  "[\\p{P}!-/:-@\\[-`{-~]", POME__GPT2_WORDS},
     .bos = true},
    {.names = "gemma4 granite-embed-multi-311m", .bos = true, .characters = true},
    {.names = "sarvam-moe", .characters = true},
};

static bool has_name(const char *names, pome_string wanted) {
  for (const char *at = names; *at != '\0';) {
    size_t size = strcspn(at, " ");
    if (size == wanted.size && memcmp(at, wanted.data, size) == 0) return true;
    at += size + strspn(at + size, " ");
  }
  return false;
}

pome_status pome__gguf_words_find(pome_string name, const pome__gguf_words **words,
                                  pome_error *error) {
  if (name.size == 0) name = (pome_string){"default", 7};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
    if (has_name(table[i].names, name)) return *words = &table[i], POME_OK;
  pome__fail(error, POME_UNSUPPORTED,
             "tokenizer: how the family \"%.*s\" (tokenizer.ggml.pre) cuts words is not known here",
             (int)(name.size < 60 ? name.size : 60), name.data);
  pome__error_hint(error, "use the model's tokenizer.json instead");
  return POME_UNSUPPORTED;
}
