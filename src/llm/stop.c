/* Where a reply ends: tokens gathered from every place that names them, and texts found across the
 * borders of tokens.
 *
 * What was not passed on yet is kept; a stop text can only begin in it. After each addition the
 * first complete stop text is looked for, and then the longest end that begins one: that much is
 * held back.
 */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"
#include "llm/folder.h"
#include "llm/gguf_file.h"
#include "wire/json.h"

#include <pome/llm.h>

#define MOST_IDS   64
#define MOST_TEXTS 64
#define MOST_TEXT  4096

struct pome_stops {
  const pome_allocator *allocator;
  pome__arena arena;
  int32_t ids[MOST_IDS];
  size_t id_count;
  pome_string texts[MOST_TEXTS];
  size_t text_count;
  char *held; /* passed on up to `passed`, and to be kept from there on */
  size_t passed, size, room;
};

/* ---- tokens ---- */

static void add_id(pome_stops *stops, int64_t id) {
  if (id < 0 || id > INT32_MAX || stops->id_count == MOST_IDS) return;
  if (!pome_stops_is_end(stops, (int32_t)id)) stops->ids[stops->id_count++] = (int32_t)id;
}

/* A number, or a list of them. */
static void add_ids(pome_stops *stops, const json_t *value) {
  size_t i;
  const json_t *item;
  if (json_is_integer(value)) add_id(stops, json_integer_value(value));
  json_array_foreach(value, i, item) {
    if (json_is_integer(item)) add_id(stops, json_integer_value(item));
  }
}

static void add_text_token(pome_stops *stops, const pome_tokenizer *tokenizer,
                           const json_t *token) {
  if (json_is_object(token)) token = json_object_get(token, "content");
  if (json_is_string(token))
    add_id(stops,
           pome_tokenizer_find(tokenizer, json_string_value(token), json_string_length(token)));
}

/* Every role that ends what a model writes: also the padding, repository and file marks of filling
 * in, which begin another text. */
static pome_status read_gguf(pome_stops *stops, const char *path, pome_error *error) {
  static const char *const roles[] = {"eos", "eot", "eom", "fim_pad", "fim_rep", "fim_sep"};
  pome__gguf_file file;
  POME__TRY(pome__gguf_file_open(path, stops->allocator, &file, error));
  for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
    add_id(stops, pome__gguf_token_id(&file.gguf, roles[i]));
  pome__gguf_file_close(&file);
  return POME_OK;
}

static pome_status read_files(pome_stops *stops, const pome_tokenizer *tokenizer, const char *path,
                              pome_error *error) {
  static const char *const names[] = {"generation_config.json", "config.json",
                                      "tokenizer_config.json"};
  char folder[POME__PATH_LIMIT], file[POME__PATH_LIMIT];
  if (pome__gguf_is_file(path)) return read_gguf(stops, path, error);
  POME__TRY(pome__model_folder(path, folder, error));
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    json_t *root;
    if (!pome__file_beside(folder, names[i], file)) continue;
    POME__TRY(pome__json_read(file, &root, error));
    add_ids(stops, json_object_get(root, "eos_token_id"));
    add_ids(stops, json_object_get(json_object_get(root, "text_config"), "eos_token_id"));
    add_text_token(stops, tokenizer, json_object_get(root, "eos_token"));
    json_decref(root);
  }
  return POME_OK;
}

/* The first token that the template writes behind what an assistant said, if it is a special one. A
 * template that refuses the conversation tells nothing. */
static void ask_template(pome_stops *stops, const pome_tokenizer *tokenizer,
                         const pome_template *chat) {
  static const char mark[] = "pome-end-of-turn";
  static const char talk[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"?\"},"
                             " {\"role\": \"assistant\", \"content\": \"pome-end-of-turn\"}]}";
  char *text;
  size_t size, count = 0;
  int32_t ids[16];
  if (pome_template_render(chat, talk, sizeof talk - 1, 0, &text, &size, NULL) != POME_OK) return;
  const char *tail = strstr(text, mark);
  if (tail != NULL) {
    tail += sizeof mark - 1;
    while (*tail == ' ' || *tail == '\n') tail++;
    size_t left = (size_t)(text + size - tail);
    if (left > 64) left = 64; /* longer than any one token that ends a turn */
    while (left > 0 && ((unsigned char)tail[left] & 0xc0) == 0x80) left--;
    if (pome_tokenizer_encode(tokenizer, tail, left, ids, 16, &count, NULL) == POME_OK &&
        count > 0 && pome_tokenizer_is_special(tokenizer, ids[0]))
      add_id(stops, ids[0]);
  }
  pome_template_free_text(chat, text, size);
}

bool pome_stops_is_end(const pome_stops *stops, int32_t id) {
  for (size_t i = 0; i < stops->id_count; i++)
    if (stops->ids[i] == id) return true;
  return false;
}

const int32_t *pome_stops_ids(const pome_stops *stops, size_t *count) {
  *count = stops->id_count;
  return stops->ids;
}

/* ---- create and free ---- */

static pome_status copy_texts(pome_stops *stops, const pome_string *texts, size_t count,
                              pome_error *error) {
  if (count > MOST_TEXTS)
    return pome__fail(error, POME_USAGE, "%zu stop texts; at most %d are allowed", count,
                      MOST_TEXTS);
  for (size_t i = 0; i < count; i++) {
    if (texts[i].size == 0 || texts[i].size > MOST_TEXT)
      return pome__fail(error, POME_USAGE, "a stop text of %zu bytes; 1 to %d are allowed",
                        texts[i].size, MOST_TEXT);
    char *copy = pome__arena_string(&stops->arena, texts[i].data, texts[i].size);
    if (copy == NULL) return pome__fail_memory(error, "stop texts");
    stops->texts[stops->text_count++] = (pome_string){copy, texts[i].size};
  }
  return POME_OK;
}

pome_status pome_stops_create(const pome_tokenizer *tokenizer, const char *path,
                              const pome_template *chat, const pome_string *texts, size_t count,
                              const pome_allocator *allocator, pome_stops **out,
                              pome_error *error) {
  pome_stops *stops = pome__alloc_zero(allocator, sizeof *stops);
  if (stops == NULL) return pome__fail_memory(error, "stops");
  stops->allocator = allocator;
  pome__arena_init(&stops->arena, allocator, 0);
  pome_status status = copy_texts(stops, texts, count, error);
  if (status == POME_OK && path != NULL) status = read_files(stops, tokenizer, path, error);
  if (status != POME_OK) {
    pome_stops_free(stops);
    return status;
  }
  if (chat != NULL) ask_template(stops, tokenizer, chat);
  *out = stops;
  return POME_OK;
}

void pome_stops_free(pome_stops *stops) {
  if (stops == NULL) return;
  pome__arena_free(&stops->arena);
  pome__free(stops->allocator, stops->held, stops->room);
  pome__free(stops->allocator, stops, sizeof *stops);
}

/* ---- texts ---- */

static pome_status append(pome_stops *stops, pome_string text, pome_error *error) {
  memmove(stops->held, stops->held + stops->passed, stops->size - stops->passed);
  stops->size -= stops->passed;
  stops->passed = 0;
  size_t wanted;
  if (!pome__add(stops->size, text.size, &wanted)) return pome__fail_memory(error, "text");
  if (wanted > stops->room) {
    size_t room = wanted + wanted / 2;
    char *grown = pome__realloc(stops->allocator, stops->held, stops->room, room);
    if (grown == NULL) return pome__fail_memory(error, "text");
    stops->held = grown;
    stops->room = room;
  }
  if (text.size > 0) memcpy(stops->held + stops->size, text.data, text.size);
  stops->size = wanted;
  return POME_OK;
}

/* Where the first complete stop text starts; SIZE_MAX when there is none. */
static size_t find_first(const pome_stops *stops) {
  size_t first = SIZE_MAX;
  for (size_t i = 0; i < stops->text_count; i++) {
    const char *found =
        memmem(stops->held, stops->size, stops->texts[i].data, stops->texts[i].size);
    if (found != NULL && (size_t)(found - stops->held) < first)
      first = (size_t)(found - stops->held);
  }
  return first;
}

/* Length of the longest end that a stop text begins with. */
static size_t pending(const pome_stops *stops) {
  size_t longest = 0;
  for (size_t i = 0; i < stops->text_count; i++) {
    size_t most = stops->texts[i].size - 1;
    if (most > stops->size) most = stops->size;
    for (size_t n = most; n > longest; n--)
      if (memcmp(stops->held + stops->size - n, stops->texts[i].data, n) == 0) longest = n;
  }
  return longest;
}

pome_status pome_stops_add(pome_stops *stops, pome_string text, pome_string *ready, bool *stopped,
                           pome_error *error) {
  if (stops->held == NULL && text.size == 0) {
    *ready = (pome_string){"", 0};
    return *stopped = false, POME_OK;
  }
  if (stops->held == NULL) {
    stops->room = text.size < 256 ? 256 : text.size;
    stops->held = pome__alloc(stops->allocator, stops->room);
    if (stops->held == NULL) {
      stops->room = 0;
      return pome__fail_memory(error, "text");
    }
  }
  POME__TRY(append(stops, text, error));
  size_t found = find_first(stops);
  *stopped = found != SIZE_MAX;
  *ready = (pome_string){stops->held, *stopped ? found : stops->size - pending(stops)};
  stops->passed = *stopped ? stops->size : ready->size;
  return POME_OK;
}

pome_string pome_stops_finish(pome_stops *stops) {
  pome_string rest = {"", 0};
  if (stops->held != NULL)
    rest = (pome_string){stops->held + stops->passed, stops->size - stops->passed};
  stops->passed = stops->size;
  return rest;
}
