/* Image files: PNG and JPEG into pixels, pixels into PNG.
 *
 * What a file is, is found from its first bytes. Pixels come as they are stored: no orientation, no
 * color profile, no scaling; alpha is left out.
 */
#ifndef POME_APPS_IMAGE_H
#define POME_APPS_IMAGE_H

#include <pome/model.h>

#include "base/memory.h"

/* Whether the path ends in .png, .jpg or .jpeg. */
bool image_named(const char *path);

/* uint8 [height, width, 3] in RGB order, or [height, width] when `gray`; color becomes gray by its
 * luma, gray becomes color by standing three times. The pixels are the arena's. */
pome_status image_read(const char *path, bool gray, pome__arena *arena, pome_tensor *pixels,
                       pome_error *error);

/* Writes uint8 [height, width, 3] or [height, width] as PNG, whole or not at all. */
pome_status image_write(const char *path, const pome_tensor *pixels, pome_error *error);

#endif
