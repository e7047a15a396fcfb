/* Images at the edge of a program.
 *
 * A program knows no images: where its description has an image port, it takes or gives planes, [1,
 * C, height, width], with values of 0 to 255 in the channel order that the port names; scale and
 * bias are operations of the program. Pixels become such planes here, and planes become pixels in
 * RGB order. Half-gray images pass as the numbers they hold. Sizes are checked, never changed.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/runtime.h"
#include "tensor/element.h"
#include "tensor/shape.h"

#define BLOCK 256

static int channels_of(pome_color color) {
  return color == POME_COLOR_RGB || color == POME_COLOR_BGR ? 3 : 1;
}

static const char *color_text(pome_color color) {
  switch (color) {
  case POME_COLOR_GRAY: return "a gray image";
  case POME_COLOR_GRAY_FP16: return "a gray image of floats";
  default: return "a color image";
  }
}

/* ---- sizes ---- */

/* "32..512", "64", "1 or more". */
static const char *format_extent(int64_t low, int64_t high, char *text, size_t size) {
  if (low == high) snprintf(text, size, "%lld", (long long)low);
  else if (high < 0) snprintf(text, size, "(%lld or more)", (long long)low);
  else snprintf(text, size, "%lld..%lld", (long long)low, (long long)high);
  return text;
}

/* Width first, as people name the sizes of images. */
static void format_sizes(const pome_port *port, char *text, size_t size) {
  char one[96], width[40], height[40];
  text[0] = '\0';
  if (port->flexibility != POME_SHAPE_ENUMERATED) {
    snprintf(text, size, "%s x %s",
             format_extent(port->lower[1], port->upper[1], width, sizeof width),
             format_extent(port->lower[0], port->upper[0], height, sizeof height));
    return;
  }
  for (size_t s = 0; s < port->shape_count && s < 8; s++) {
    snprintf(one, sizeof one, "%s%lld x %lld", s ? " or " : "", (long long)port->shapes[s][1],
             (long long)port->shapes[s][0]);
    pome__append(text, size, one);
  }
  if (port->shape_count > 8) pome__append(text, size, " or others");
}

static pome_status check_size(const pome_port *port, const pome_tensor *pixels, pome_error *error) {
  if (pome__port_allows(port, 2, pixels->shape)) return POME_OK;
  char allowed[256];
  format_sizes(port, allowed, sizeof allowed);
  pome__fail(error, POME_INPUT,
             "input \"%s\": the image is %lld x %lld (width x height); allowed is %s", port->name,
             (long long)pixels->shape[1], (long long)pixels->shape[0], allowed);
  pome__error_hint(error, "scale or crop the image before it is given");
  return POME_INPUT;
}

/* ---- in ---- */

/* Gray floats are for half-gray ports alone; gray bytes are for both kinds of gray. */
static bool color_fits(pome_color port, pome_color image) {
  if (image == POME_COLOR_GRAY_FP16) return port == POME_COLOR_GRAY_FP16;
  return channels_of(port) == channels_of(image);
}

pome_status pome__image_shape(const pome_port *port, const pome__type *declared, pome_dtype stored,
                              const pome_value *image, pome_tensor *planes, pome_error *error) {
  const pome_tensor *pixels = &image->tensor;
  if (port->color == POME_COLOR_NONE || !color_fits(port->color, image->color)) {
    return pome__fail(error, POME_INPUT, "input \"%s\" takes %s, not %s", port->name,
                      color_text(port->color), color_text(image->color));
  }
  POME__TRY(check_size(port, pixels, error));
  int rank = declared->rank < 0 ? 4 : declared->rank;
  int64_t shape[POME_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
  const int64_t last[] = {channels_of(port->color), pixels->shape[0], pixels->shape[1]};
  bool fits = rank >= 3;
  for (int d = 0; fits && d < rank; d++) {
    if (d >= rank - 3) shape[d] = last[d - (rank - 3)];
    fits = declared->rank < 0 || declared->dims[d] == POME_DIM_UNKNOWN ||
           declared->dims[d] == shape[d];
  }
  if (!fits) {
    char text[POME__TYPE_TEXT];
    return pome__fail(
        error, POME_INPUT,
        "input \"%s\" is described as an image of %lld x %lld x %lld, but the program takes %s",
        port->name, (long long)last[0], (long long)last[1], (long long)last[2],
        pome__type_format(declared, text, sizeof text));
  }
  return pome_tensor_init(planes, stored, rank, shape, NULL, error);
}

/* The channel of the pixels that goes to plane `c`. */
static int64_t source_channel(const pome_port *port, const pome_value *image, int64_t c) {
  bool turned = (port->color == POME_COLOR_BGR) != (image->color == POME_COLOR_BGR);
  return turned && channels_of(port->color) == 3 ? 2 - c : c;
}

void pome__image_unpack(const pome_port *port, const pome_value *image, pome_tensor *planes) {
  const pome_tensor *pixels = &image->tensor;
  int64_t height = pixels->shape[0], width = pixels->shape[1], at = 0;
  int64_t between = pixels->rank == 3 ? pixels->strides[2] : 0;
  double block[BLOCK];
  for (int64_t c = 0; c < channels_of(port->color); c++) {
    for (int64_t y = 0; y < height; y++) {
      int64_t row = y * pixels->strides[0] + source_channel(port, image, c) * between;
      for (int64_t x = 0; x < width; x += BLOCK) {
        size_t n = (size_t)(width - x < BLOCK ? width - x : BLOCK);
        pome__load_f64(pixels->data, pixels->dtype, row + x * pixels->strides[1],
                       pixels->strides[1], n, block);
        pome__store_f64(planes->data, planes->dtype, at, 1, n, block);
        at += (int64_t)n;
      }
    }
  }
}

/* ---- out ---- */

/* To the nearest level, ties to even; what is not a number is black. */
static uint8_t level(double value) {
  return value >= 255 ? 255 : value > 0 ? (uint8_t)nearbyint(value) : 0;
}

static void pack_plane(const pome_tensor *planes, int64_t plane, int64_t pixel_count, void *pixels,
                       int64_t channel, int channels, bool bytes) {
  double block[BLOCK];
  for (int64_t i = 0; i < pixel_count; i += BLOCK) {
    size_t n = (size_t)(pixel_count - i < BLOCK ? pixel_count - i : BLOCK);
    pome__load_f64(planes->data, planes->dtype, plane * pixel_count + i, 1, n, block);
    if (!bytes) pome__store_f64(pixels, POME_FP16, i, 1, n, block);
    for (size_t k = 0; bytes && k < n; k++)
      ((uint8_t *)pixels)[(i + (int64_t)k) * channels + channel] = level(block[k]);
  }
}

pome_status pome__image_pack(const pome_port *port, const pome_tensor *planes,
                             const pome_allocator *allocator, pome_value **out, pome_error *error) {
  int rank = planes->rank, channels = channels_of(port->color);
  int64_t leading = 1;
  for (int d = 0; d < rank - 3; d++) leading *= planes->shape[d];
  bool numbers = planes->dtype != POME_STRING && pome_tensor_is_contiguous(planes);
  if (port->color == POME_COLOR_NONE || rank < 3 || leading != 1 ||
      planes->shape[rank - 3] != channels || !numbers) {
    char text[POME__SHAPE_TEXT];
    return pome__fail(
        error, POME_INPUT,
        "output \"%s\" is described as %s, but the program gives a tensor of shape %s", port->name,
        color_text(port->color), pome__shape_format(rank, planes->shape, text, sizeof text));
  }
  int64_t shape[] = {planes->shape[rank - 2], planes->shape[rank - 1], channels};
  bool bytes = port->color != POME_COLOR_GRAY_FP16;
  pome_value *value;
  POME__TRY(pome__value_create(POME_FEATURE_IMAGE, bytes ? POME_UINT8 : POME_FP16,
                               channels == 1 ? 2 : 3, shape, allocator, &value, error));
  value->color = port->color == POME_COLOR_BGR ? POME_COLOR_RGB : port->color;
  for (int c = 0; c < channels; c++) {
    pack_plane(planes, c, shape[0] * shape[1], value->owned,
               port->color == POME_COLOR_BGR ? 2 - c : c, channels, bytes);
  }
  *out = value;
  return POME_OK;
}
