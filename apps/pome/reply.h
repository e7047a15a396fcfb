/* A language model, opened, and the replies that it writes.
 *
 * The timeline is a list of tokens. Asking makes it end where the model shall go on; writing makes
 * the session equal to it again and again, lets the sampler choose from the logits and adds the
 * choice. Text leaves as whole characters only, and not before it is clear that it belongs to no
 * stop text.
 */
#ifndef POME_APPS_REPLY_H
#define POME_APPS_REPLY_H

#include <jansson.h>

#include <pome/llm.h>

#include "options.h"

#define MOST_PROMPT ((size_t)16 << 20) /* bytes */

typedef struct text_buffer {
  char *data;
  size_t size, room;
} text_buffer;

bool text_append(text_buffer *text, const char *data, size_t size);
/* Never NULL. */
static inline const char *text_data(const text_buffer *text) {
  return text->size ? text->data : "";
}

typedef struct reply {
  const struct options *options;
  pome_llm *llm;
  pome_session *session;
  pome_sampler *sampler;
  pome_template *chat; /* NULL: text goes as it is */
  pome_stops *stops;
  size_t context; /* tokens that may be used of it */
  uint64_t seed;
  int32_t *tokens; /* the timeline; what is written stands behind `prompt` */
  size_t count, prompt, room;
  text_buffer text; /* of the reply */
  size_t shown;     /* bytes of it already on stdout */
  const char *stop; /* why it ended: "end", "stop", "length", "context", "interrupted" */
  double prefill_seconds, decode_seconds;
  void (*idle)(void *context); /* what an interrupt does when nothing is written; NULL: it ends */
} reply;

/* reply_close is safe on a zeroed or half-opened reply. */
pome_status reply_open(reply *r, const struct options *options, pome_error *error);
void reply_close(reply *r);

/* Adds a message to the list. POME_INPUT when the text is no UTF-8. */
pome_status reply_add_message(json_t *messages, const char *role, const char *text, size_t size,
                              pome_error *error);
/* The timeline becomes what the template makes of the messages; what they say is text even where
 * it spells special tokens. It may be longer than the context. */
pome_status reply_ask(reply *r, const json_t *messages, pome_error *error);
/* The timeline goes on with this text; a new one begins as the model wants it. */
pome_status reply_continue(reply *r, const char *text, size_t size, pome_error *error);

/* Writes up to `most` tokens behind the prompt. An interrupt ends the text and is POME_CANCELLED;
 * what was written stays. */
pome_status reply_write(reply *r, size_t most, pome_error *error);

void reply_print_stats(const reply *r);
json_t *reply_json(const reply *r);

#endif
