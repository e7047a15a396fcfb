/* A value written on the command line, as a tensor: a number, a JSON list of any depth, or a text.
 */
#ifndef POME_APPS_VALUE_TEXT_H
#define POME_APPS_VALUE_TEXT_H

#include <pome/tensor.h>

#include "base/error.h"
#include "base/memory.h"

/* Whole numbers become int64, others fp64, true and false bool, strings string; lists must be
 * rectangular. */
pome_status value_from_json(const char *text, pome__arena *arena, pome_tensor *tensor,
                            pome_error *error);
pome_status value_from_text(const char *text, pome__arena *arena, pome_tensor *tensor,
                            pome_error *error);

#endif
