/* Golden folders: golden.json and the arrays it names. */
#ifndef POME_APPS_GOLDEN_H
#define POME_APPS_GOLDEN_H

#include <jansson.h>

#include "base/error.h"
#include "base/memory.h"

typedef enum golden_state { GOLDEN_STATE_NONE, GOLDEN_STATE_NEW, GOLDEN_STATE_KEEP } golden_state;

typedef struct golden_call {
  const char *function;         /* NULL: the default one */
  const char *inputs, *outputs; /* paths */
  golden_state state;
  const json_t *tolerance; /* or NULL */
} golden_call;

typedef struct golden_folder {
  json_t *root;
  const char *model; /* path, or NULL */
  golden_call *calls;
  size_t count;
  const json_t *tolerance; /* or NULL */
  bool expects_error;
} golden_folder;

/* Strings and calls are the arena's. Errors name golden.json. */
pome_status golden_read(const char *folder, pome__arena *arena, golden_folder *golden,
                        pome_error *error);
void golden_free(golden_folder *golden);

#endif
