/* Options structs of the public interface, taken over from a caller.
 *
 * Each begins with its size, which its _init function sets to what the caller's header knows, and
 * grows at its end. A struct that was never initialised, or that a newer header made, is noticed by
 * that size; what an older, smaller one lacks keeps its default.
 */
#ifndef POME_SRC_BASE_OPTIONS_H
#define POME_SRC_BASE_OPTIONS_H

#include <string.h>

#include "base/error.h"

/* Gives `options`, of `size` bytes, that size and the defaults, of `known` bytes; zeros behind. */
static inline void pome__options_init(void *options, size_t size, const void *defaults,
                                      size_t known) {
  if (size < sizeof size) return;
  memset(options, 0, size);
  if (known > 0) memcpy(options, defaults, size < known ? size : known);
  memcpy(options, &size, sizeof size);
}

/* Copies `given` (NULL: nothing) over `options`, which holds the defaults and has `known` bytes. */
static inline pome_status pome__options_take(void *options, size_t known, const void *given,
                                             pome_error *error) {
  size_t size = known;
  if (given != NULL) memcpy(&size, given, sizeof size);
  if (size < sizeof size || size > known) {
    pome__fail(error, POME_USAGE, "options with a size of %zu bytes; %zu to %zu are known", size,
               sizeof size, known);
    pome__error_hint(error,
                     "fill options with their _init function, from the library's own header");
    return POME_USAGE;
  }
  if (given != NULL) memcpy(options, given, size);
  memcpy(options, &known, sizeof known);
  return POME_OK;
}

#endif
