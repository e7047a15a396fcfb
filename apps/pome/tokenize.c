/* pome tokenize: text to ids and back, for one text or for a stream of requests. */
#include <stdlib.h>
#include <string.h>

#include <pome/llm.h>

#include "base/bytes.h"
#include "report.h"
#include "show.h"
#include "verbs.h"

#define MAX_INPUT ((size_t)1 << 31)

typedef struct buffer {
  char *data;
  size_t size, room;
} buffer;

typedef struct work {
  pome_tokenizer *tokenizer;
  int32_t *ids;
  pome_span *spans;
  size_t count, room; /* of both lists */
  buffer text;        /* decoded */
} work;

/* ---- texts ---- */

static bool reserve(buffer *b, size_t size) {
  if (size <= b->room) return true;
  size_t room = b->room * 2 > size ? b->room * 2 : size;
  char *grown = realloc(b->data, room);
  if (!grown) return false;
  b->data = grown;
  b->room = room;
  return true;
}

static pome_status read_stdin(buffer *b, pome_error *error) {
  for (size_t got = 1; got > 0; b->size += got) {
    if (b->size >= MAX_INPUT)
      return pome__fail(error, POME_INPUT, "a text of more than %zu bytes", MAX_INPUT);
    if (!reserve(b, b->size + 65536)) return pome__fail_memory(error, "the text");
    got = fread(b->data + b->size, 1, b->room - b->size, stdin);
  }
  if (ferror(stdin))
    return pome__fail(error, POME_IO, "the text cannot be read from the standard input");
  return POME_OK;
}

static pome_status get_text(const struct options *options, buffer *b, pome_error *error) {
  if (options->operands.count < 2) return read_stdin(b, error);
  const char *text = options->operands.items[1];
  if (!reserve(b, strlen(text) + 1)) return pome__fail_memory(error, "the text");
  memcpy(b->data, text, strlen(text));
  b->size = strlen(text);
  return POME_OK;
}

/* ---- both ways ---- */

static bool make_room(work *w, size_t count) {
  if (count <= w->room && w->ids) return true;
  size_t room = count + 64;
  int32_t *ids = realloc(w->ids, room * sizeof *ids);
  if (ids) w->ids = ids;
  pome_span *spans = realloc(w->spans, room * sizeof *spans);
  if (spans) w->spans = spans;
  if (!ids || !spans) return false;
  w->room = room;
  return true;
}

static pome_status encode(work *w, const char *text, size_t size, unsigned flags, bool spans,
                          pome_error *error) {
  /* Nearly always enough at once: a token stands for a byte or more. */
  if (!make_room(w, size / 2)) return pome__fail_memory(error, "the tokens");
  do {
    if (!make_room(w, w->count)) return pome__fail_memory(error, "the tokens");
    POME__TRY(pome_tokenizer_encode_with(w->tokenizer, text, size, flags, w->ids,
                                         spans ? w->spans : NULL, w->room, &w->count, error));
  } while (w->count > w->room);
  return POME_OK;
}

static pome_status decode(work *w, unsigned flags, pome_error *error) {
  do {
    if (!reserve(&w->text, w->text.size + 1)) return pome__fail_memory(error, "the text");
    POME__TRY(pome_tokenizer_decode(w->tokenizer, w->ids, w->count, flags, w->text.data,
                                    w->text.room, &w->text.size, error));
  } while (w->text.size > w->text.room);
  return POME_OK;
}

/* Ids in decimal, between white space or commas, also in brackets as JSON has them. */
static pome_status parse_ids(work *w, const buffer *b, pome_error *error) {
  w->count = 0;
  for (size_t at = 0; at < b->size;) {
    if (strchr(" \t\r\n,[]", b->data[at]) && b->data[at] != '\0') {
      at++;
      continue;
    }
    size_t begin = at;
    int64_t id = 0;
    while (at < b->size && b->data[at] >= '0' && b->data[at] <= '9' && id <= INT32_MAX)
      id = id * 10 + (b->data[at++] - '0');
    if (at == begin || id > INT32_MAX)
      return pome__fail(error, POME_INPUT, "byte %zu: an id from 0 to %d is expected", begin,
                        INT32_MAX);
    if (!make_room(w, w->count + 1 < w->room ? 0 : (w->count + 1) * 2))
      return pome__fail_memory(error, "the tokens");
    w->ids[w->count++] = (int32_t)id;
  }
  return POME_OK;
}

/* ---- one text ---- */

static void print_ids(const work *w, const char *between) {
  for (size_t i = 0; i < w->count && !report_broken(); i++)
    printf("%s%d", i > 0 ? between : "", w->ids[i]);
}

static json_t *encoded_json(const work *w, const struct options *options) {
  json_t *ids = json_array(), *pieces = json_array(), *offsets = json_array();
  for (size_t i = 0; i < w->count; i++) {
    pome_string piece = pome_tokenizer_piece(w->tokenizer, w->ids[i]);
    json_array_append_new(ids, json_integer(w->ids[i]));
    json_array_append_new(pieces, show_string_json(piece.data, piece.size));
    json_array_append_new(
        offsets, json_pack("[I, I]", (json_int_t)w->spans[i].begin, (json_int_t)w->spans[i].end));
  }
  return json_pack("{s:s, s:I, s:o, s:o, s:o}", "model", options->operands.items[0], "count",
                   (json_int_t)w->count, "ids", ids, "pieces", pieces, "offsets", offsets);
}

static pome_status run_encode(work *w, const struct options *options, const buffer *text,
                              pome_error *error) {
  unsigned flags = options->special ? POME_ENCODE_SPECIAL : 0;
  POME__TRY(encode(w, text->size ? text->data : "", text->size, flags, options->json, error));
  if (options->json) return report_json(encoded_json(w, options), 6, error);
  print_ids(w, " ");
  putchar('\n');
  return POME_OK;
}

static pome_status run_decode(work *w, const struct options *options, const buffer *text,
                              pome_error *error) {
  POME__TRY(parse_ids(w, text, error));
  POME__TRY(decode(w, 0, error));
  if (options->json) {
    json_t *string = show_string_json(w->text.data, w->text.size);
    return report_json(json_pack("{s:s, s:o}", "model", options->operands.items[0], "text", string),
                       6, error);
  }
  if (report_terminal()) report_safe(stdout, w->text.data, w->text.size, true);
  else fwrite(w->text.data, 1, w->text.size, stdout);
  if (report_terminal()) putchar('\n');
  return POME_OK;
}

/* ---- a stream of requests ---- */

static bool is_on(const json_t *request, const char *key) {
  return json_is_true(json_object_get(request, key));
}

static pome_status answer_ids(work *w, const json_t *request, pome_error *error) {
  const json_t *list = json_object_get(request, "ids"), *item;
  size_t i;
  w->count = 0;
  if (!make_room(w, json_array_size(list))) return pome__fail_memory(error, "the tokens");
  json_array_foreach((json_t *)list, i, item) {
    if (!json_is_integer(item))
      return pome__fail(error, POME_INPUT, "element %zu of \"ids\" is not an integer", i);
    json_int_t id = json_integer_value(item);
    w->ids[w->count++] = id < 0 || id > INT32_MAX ? -1 : (int32_t)id;
  }
  POME__TRY(decode(w, is_on(request, "skip_special") ? POME_DECODE_SKIP_SPECIAL : 0, error));
  json_t *answer = json_pack("{s:o}", "text", show_string_json(w->text.data, w->text.size));
  if (!answer) return pome__fail_memory(error, "the answer");
  char *line = json_dumps(answer, JSON_COMPACT | JSON_ENSURE_ASCII);
  json_decref(answer);
  if (!line) return pome__fail_memory(error, "the answer");
  puts(line);
  free(line);
  return POME_OK;
}

static pome_status answer(work *w, const json_t *request, pome_error *error) {
  const json_t *text = json_object_get(request, "text");
  if (json_is_array(json_object_get(request, "ids")) && !text) return answer_ids(w, request, error);
  if (!json_is_string(text) || json_object_get(request, "ids"))
    return pome__fail(error, POME_INPUT, "a request has either a \"text\" or a list of \"ids\"");
  unsigned flags = (is_on(request, "special") ? POME_ENCODE_SPECIAL : 0) |
                   (is_on(request, "plain") ? POME_ENCODE_PLAIN : 0);
  POME__TRY(encode(w, json_string_value(text), json_string_length(text), flags, false, error));
  fputs("{\"ids\":[", stdout);
  print_ids(w, ",");
  puts("]}");
  return POME_OK;
}

static pome_status answer_line(work *w, const char *line, size_t size, size_t number,
                               pome_error *error) {
  json_error_t reason;
  json_t *request = json_loadb(line, size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &reason);
  pome_status status;
  if (request) status = answer(w, request, error);
  else status = pome__fail(error, POME_INPUT, "not valid JSON: %s", reason.text);
  size_t column = !request && reason.column > 0 ? (size_t)reason.column : 1;
  json_decref(request);
  if (status != POME_OK) pome__error_at_line(error, (uint32_t)number, (uint32_t)column);
  return status;
}

/* A wrong request has an answer too, so that the others keep their places. */
static void answer_error(const pome_error *error) {
  json_t *answer =
      json_pack("{s:o}", "error", show_string_json(error->message, strlen(error->message)));
  char *line = answer ? json_dumps(answer, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
  puts(line ? line : "{\"error\":\"\"}");
  free(line);
  json_decref(answer);
}

/* Every answer goes out before the next request is waited for. The first error is the result. */
static pome_status run_lines(work *w, pome_error *error) {
  char *line = NULL;
  size_t room = 0;
  pome_status result = POME_OK;
  ssize_t size;
  for (size_t number = 1; (size = getline(&line, &room, stdin)) >= 0; number++) {
    pome_error now;
    pome_status status = answer_line(w, line, (size_t)size, number, &now);
    if (status != POME_OK) answer_error(&now);
    if (status != POME_OK && result == POME_OK) {
      result = status;
      *error = now;
    }
    if (fflush(stdout) != 0 || report_broken()) break;
  }
  free(line);
  if (result == POME_OK && ferror(stdin))
    return pome__fail(error, POME_IO, "the requests cannot be read from the standard input");
  return result;
}

/* ---- */

/* The tokenizer of a model stands in its folder, or beside it. */
static pome_status open_tokenizer(const char *path, pome_tokenizer **tokenizer, pome_error *error) {
  char beside[POME__PATH_LIMIT];
  pome_error first;
  pome_status status = pome_tokenizer_open(path, NULL, tokenizer, &first);
  if (status == POME_OK) return POME_OK;
  bool joined = pome__path_join(beside, sizeof beside, path, "..");
  if (status == POME_INPUT && pome__path_kind_of(path) == POME__PATH_FOLDER && joined &&
      pome_tokenizer_open(beside, NULL, tokenizer, NULL) == POME_OK)
    return POME_OK;
  *error = first;
  return status;
}

static pome_status check_use(const struct options *options, pome_error *error) {
  if (!options->jsonl) return POME_OK;
  if (options->operands.count > 1 || options->decode || options->special || options->json)
    return pome__fail(error, POME_USAGE,
                      "--jsonl takes its requests from the standard input: no TEXT, no --json, "
                      "--special or --decode beside it");
  return POME_OK;
}

static pome_status run(work *w, const struct options *options, buffer *text, pome_error *error) {
  POME__TRY(check_use(options, error));
  POME__TRY(open_tokenizer(options->operands.items[0], &w->tokenizer, error));
  if (options->jsonl) return run_lines(w, error);
  POME__TRY(get_text(options, text, error));
  return options->decode ? run_decode(w, options, text, error)
                         : run_encode(w, options, text, error);
}

int verb_tokenize(const struct options *options) {
  work w = {0};
  buffer text = {0};
  pome_error error = {0};
  pome_status status = run(&w, options, &text, &error);
  pome_tokenizer_close(w.tokenizer);
  free(w.ids);
  free(w.spans);
  free(w.text.data);
  free(text.data);
  return status == POME_OK ? 0 : report_error(&error);
}
