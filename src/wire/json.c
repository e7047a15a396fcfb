/* JSON by jansson, behind ceilings.
 *
 * jansson allows 2048 levels and takes whatever memory the text asks for; one short pass before it
 * counts depth and containers, so that neither its recursion nor its memory grows beyond what the
 * ceilings allow. The pass only needs to know where strings are: the rest is for jansson to judge.
 */
#include "wire/json.h"

#include <errno.h>

#include "base/memory.h"

#define MAX_SIZE       ((size_t)128 << 20)
#define MAX_DEPTH      64
#define MAX_CONTAINERS ((size_t)4 << 20)

/* Offset just behind the string that opens at `at`. */
static size_t skip_string(pome__bytes text, size_t at) {
  for (at++; at < text.size; at++) {
    if (text.data[at] == '\\') at++;
    else if (text.data[at] == '"') return at + 1;
  }
  return text.size;
}

/* jansson loses its way when it runs out of memory within a string: so it is only called when there
 * is enough for what the text can become. Generous sizes of what it makes for each container and
 * value, and two copies of every string. */
#define CONTAINER_BYTES 512
#define VALUE_BYTES     192

static pome_status make_sure_of_memory(pome__bytes text, size_t containers, size_t values,
                                       pome_error *error) {
  size_t bytes = 4096 + 2 * text.size + containers * CONTAINER_BYTES + values * VALUE_BYTES;
  void *room = pome__alloc(NULL, bytes);
  if (!room) return pome__fail_memory(error, "JSON");
  pome__free(NULL, room, bytes);
  return POME_OK;
}

static pome_status check_ceilings(pome__bytes text, pome_error *error) {
  if (text.size > MAX_SIZE)
    return pome__fail(error, POME_INPUT, "%zu bytes of JSON; at most %zu are read", text.size,
                      MAX_SIZE);
  size_t depth = 0, containers = 0, values = 1;
  for (size_t at = 0; at < text.size;) {
    uint8_t c = text.data[at];
    if (c == '"') {
      at = skip_string(text, at);
      continue;
    }
    if (c == '{' || c == '[') {
      depth++;
      containers++;
      if (depth > MAX_DEPTH) {
        pome__fail(error, POME_INPUT, "JSON nested more than %d levels deep", MAX_DEPTH);
        pome__error_at_offset(error, at);
        return POME_INPUT;
      }
    } else if ((c == '}' || c == ']') && depth > 0) {
      depth--;
    }
    values += c == ',';
    at++;
  }
  if (containers > MAX_CONTAINERS)
    return pome__fail(error, POME_INPUT, "%zu objects and arrays in JSON; at most %zu are read",
                      containers, MAX_CONTAINERS);
  return make_sure_of_memory(text, containers, values, error);
}

static pome_status parse(pome__bytes text, json_t **root, pome_error *error) {
  POME__TRY(check_ceilings(text, error));
  json_error_t reason;
  const char *data = text.size > 0 ? (const char *)text.data : "";
  errno = 0;
  json_t *parsed = json_loadb(data, text.size, JSON_REJECT_DUPLICATES, &reason);
  /* jansson calls most failures to allocate an invalid token, or nothing at all, and goes on with
   * half a string after others. malloc tells. */
  if (errno == ENOMEM || (!parsed && reason.text[0] == '\0')) {
    json_decref(parsed);
    return pome__fail_memory(error, "JSON");
  }
  if (!parsed) {
    pome__fail(error, POME_INPUT, "not valid JSON: %s", reason.text);
    if (reason.line > 0)
      pome__error_at_line(error, (uint32_t)reason.line,
                          reason.column > 0 ? (uint32_t)reason.column : 1);
    return POME_INPUT;
  }
  *root = parsed;
  return POME_OK;
}

pome_status pome__json_parse(pome__bytes text, const char *path, json_t **root, pome_error *error) {
  pome_status status = parse(text, root, error);
  if (status != POME_OK && path) pome__error_at_file(error, path);
  return status;
}

pome_status pome__json_read(const char *path, json_t **root, pome_error *error) {
  pome__blob blob = {0};
  POME__TRY(pome__blob_open(NULL, path, true, NULL, &blob, error));
  pome_status status = pome__json_parse(blob.bytes, path, root, error);
  pome__blob_close(&blob);
  return status;
}
