/* pome template: a conversation in a model's own chat format. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pome/llm.h>

#include "base/bytes.h"
#include "report.h"
#include "verbs.h"

#define MAX_INPUT ((size_t)64 << 20)

typedef struct conversation {
  pome__blob file;
  char *data;
  size_t size;
} conversation;

static pome_status read_stdin(conversation *c, pome_error *error) {
  size_t room = 0;
  for (size_t got = 1; got > 0; c->size += got) {
    if (c->size + 65536 > room) {
      room = room == 0 ? 131072 : room * 2;
      char *grown = room <= 2 * MAX_INPUT ? realloc(c->data, room) : NULL;
      if (!grown && room > 2 * MAX_INPUT)
        return pome__fail(error, POME_INPUT, "a conversation of more than %zu bytes", MAX_INPUT);
      if (!grown) return pome__fail_memory(error, "the conversation");
      c->data = grown;
    }
    got = fread(c->data + c->size, 1, 65536, stdin);
  }
  if (ferror(stdin))
    return pome__fail(error, POME_IO, "the conversation cannot be read from the standard input");
  return POME_OK;
}

static pome_status get_conversation(const struct options *options, conversation *c,
                                    pome_error *error) {
  if (options->operands.count < 2) return read_stdin(c, error);
  POME__TRY(pome__blob_open(NULL, options->operands.items[1], true, NULL, &c->file, error));
  c->size = c->file.bytes.size;
  return POME_OK;
}

/* The time as the clock on the wall shows it. */
static int64_t wall_clock(void) {
  time_t now = time(NULL);
  struct tm local;
  return localtime_r(&now, &local) ? (int64_t)now + local.tm_gmtoff : (int64_t)now;
}

static pome_status render(const struct options *options, const conversation *c, pome_error *error) {
  pome_template *chat;
  char *text;
  size_t size;
  const char *json = c->data ? c->data : c->size ? (const char *)c->file.bytes.data : "";
  POME__TRY(pome_template_open(options->operands.items[0], options->name, NULL, &chat, error));
  pome_status status = pome_template_render(chat, json, c->size, wall_clock(), &text, &size, error);
  if (status == POME_OK && options->json) {
    json_t *document = json_pack("{s:s#}", "text", text, size);
    status = document ? report_json(document, 6, error) : pome__fail_memory(error, "the text");
  } else if (status == POME_OK && report_terminal()) {
    report_safe(stdout, text, size, true);
  } else if (status == POME_OK) {
    fwrite(text, 1, size, stdout);
  } else if (options->operands.count > 1) {
    pome__error_at_file(error, options->operands.items[1]);
  }
  if (status == POME_OK) pome_template_free_text(chat, text, size);
  pome_template_close(chat);
  return status;
}

int verb_template(const struct options *options) {
  conversation c = {0};
  pome_error error = {0};
  pome_status status = get_conversation(options, &c, &error);
  if (status == POME_OK) status = render(options, &c, &error);
  pome__blob_close(&c.file);
  free(c.data);
  return status == POME_OK ? 0 : report_error(&error);
}
