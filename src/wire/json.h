/* JSON, by jansson, with this library's errors and ceilings (depth 64, duplicate keys refused, size
 * capped). */
#ifndef POME_SRC_WIRE_JSON_H
#define POME_SRC_WIRE_JSON_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/error.h"

/* The caller releases the result with json_decref. `path` is only for messages. */
pome_status pome__json_parse(pome__bytes text, const char *path, json_t **root, pome_error *error);
pome_status pome__json_read(const char *path, json_t **root, pome_error *error);

#endif
