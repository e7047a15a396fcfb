/* See image.h. libpng and libjpeg report errors through setjmp: everything that must survive the
 * jump lies in one struct that the functions before it own.
 */
#include "image.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/error.h"

static bool ends_with(const char *text, const char *end) {
  size_t a = strlen(text), b = strlen(end);
  return a >= b && strcasecmp(text + a - b, end) == 0;
}

bool image_named(const char *path) {
  return ends_with(path, ".png") || ends_with(path, ".jpg") || ends_with(path, ".jpeg");
}

#if POME_WITH_IMAGES

#include <jerror.h>
#include <jpeglib.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>

/* Larger images are refused before anything is allocated for them. */
#define MAX_SIDE   32768u
#define MAX_PIXELS ((size_t)1 << 27)
#define MAX_CHUNK  ((size_t)16 << 20) /* of a PNG's text and profiles */

/* A file being decoded. */
typedef struct decoder {
  pome__bytes file;
  size_t at; /* read so far */
  pome__arena *arena;
  pome_error *error;
  pome_status status;
  jmp_buf jump;
  uint8_t *pixels; /* row by row, `channels` bytes a pixel: 1 or 3 */
  size_t width, height, channels;
} decoder;

static pome_status reserve(decoder *d, size_t width, size_t height, size_t channels) {
  if (width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE ||
      width * height > MAX_PIXELS)
    return pome__fail(d->error, POME_INPUT,
                      "an image of %zu x %zu pixels; read are 1 to %u a side, %zu in all", width,
                      height, MAX_SIDE, MAX_PIXELS);
  d->pixels = pome__arena_alloc(d->arena, width * height * channels, 64);
  if (!d->pixels) return pome__fail_memory(d->error, "the pixels of an image");
  d->width = width;
  d->height = height;
  d->channels = channels;
  return POME_OK;
}

/* ---- PNG ---- */

_Noreturn static void png_failed(png_structp png, png_const_charp message) {
  decoder *d = png_get_error_ptr(png);
  d->status = pome__fail(d->error, POME_INPUT, "the PNG file is broken: %s", message);
  longjmp(d->jump, 1);
}

static void png_warned(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

static void png_take(png_structp png, png_bytep data, size_t size) {
  decoder *d = png_get_io_ptr(png);
  if (size > d->file.size - d->at) png_error(png, "it ends too early");
  memcpy(data, d->file.data + d->at, size);
  d->at += size;
}

/* Eight bits, no palette, no alpha: one channel or three. */
static void png_simplify(png_structp png, png_infop info) {
  png_set_expand(png);
  png_set_scale_16(png);
  png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
}

static void png_decode(decoder *d, png_structp png, png_infop info) {
  png_set_user_limits(png, MAX_SIDE, MAX_SIDE);
  png_set_chunk_malloc_max(png, MAX_CHUNK);
  png_set_read_fn(png, d, png_take);
  png_read_info(png, info);
  png_simplify(png, info);
  size_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
  size_t channels = png_get_channels(png, info);
  if (png_get_rowbytes(png, info) != width * channels || (channels != 1 && channels != 3))
    png_error(png, "its pixels have an unknown form");
  d->status = reserve(d, width, height, channels);
  png_bytep *rows = d->status == POME_OK ? POME__NEW_ARRAY(d->arena, png_bytep, height) : NULL;
  if (d->status == POME_OK && !rows) d->status = pome__fail_memory(d->error, "an image");
  if (d->status != POME_OK) return;
  for (size_t y = 0; y < height; y++) rows[y] = d->pixels + y * width * channels;
  png_read_image(png, rows);
  png_read_end(png, NULL);
}

static void read_png(decoder *d) {
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, d, png_failed, png_warned);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) d->status = pome__fail_memory(d->error, "a PNG file");
  else if (setjmp(d->jump) == 0) png_decode(d, png, info);
  png_destroy_read_struct(&png, &info, NULL);
}

/* ---- JPEG ---- */

static const char *jpeg_text(j_common_ptr jpeg, char *buffer) {
  jpeg->err->format_message(jpeg, buffer);
  return buffer;
}

_Noreturn static void jpeg_failed(j_common_ptr jpeg) {
  decoder *d = jpeg->client_data;
  char text[JMSG_LENGTH_MAX];
  bool memory = jpeg->err->msg_code == JERR_OUT_OF_MEMORY;
  d->status = memory ? pome__fail_memory(d->error, "a JPEG file")
                     : pome__fail(d->error, POME_INPUT, "the JPEG file cannot be read: %s",
                                  jpeg_text(jpeg, text));
  longjmp(d->jump, 1);
}

/* A picture that stops early would be gray below: that is an error, other doubts are not. */
static void jpeg_warned(j_common_ptr jpeg, int level) {
  int code = jpeg->err->msg_code;
  if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER)) jpeg_failed(jpeg);
}

static void jpeg_quiet(j_common_ptr jpeg) {
  (void)jpeg;
}

static void jpeg_decode(decoder *d, struct jpeg_decompress_struct *jpeg) {
  jpeg_create_decompress(jpeg);
  jpeg->mem->max_memory_to_use = (long)1 << 30;
  jpeg_mem_src(jpeg, d->file.data, (unsigned long)d->file.size);
  jpeg_read_header(jpeg, TRUE);
  jpeg->out_color_space = jpeg->num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  size_t channels = jpeg->num_components == 1 ? 1 : 3;
  d->status = reserve(d, jpeg->image_width, jpeg->image_height, channels);
  if (d->status != POME_OK) return;
  jpeg_start_decompress(jpeg);
  while (jpeg->output_scanline < jpeg->output_height) {
    JSAMPROW row = d->pixels + (size_t)jpeg->output_scanline * d->width * channels;
    jpeg_read_scanlines(jpeg, &row, 1);
  }
  jpeg_finish_decompress(jpeg);
}

static void read_jpeg(decoder *d) {
  struct jpeg_decompress_struct jpeg = {.client_data = d};
  struct jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  errors.error_exit = jpeg_failed;
  errors.emit_message = jpeg_warned;
  errors.output_message = jpeg_quiet;
  if (setjmp(d->jump) == 0) jpeg_decode(d, &jpeg);
  jpeg_destroy_decompress(&jpeg);
}

/* ---- color ---- */

/* Rec. 601 luma in 16 bits of fraction, as JPEG has it. */
static uint8_t luma(const uint8_t *rgb) {
  return (uint8_t)((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 32768u) >> 16);
}

static pome_status recolor(decoder *d, bool gray, pome_tensor *pixels) {
  size_t count = d->width * d->height, channels = gray ? 1 : 3;
  uint8_t *out = d->pixels;
  if (gray && d->channels == 3) {
    for (size_t i = 0; i < count; i++) out[i] = luma(d->pixels + 3 * i);
  } else if (!gray && d->channels == 1) {
    out = pome__arena_alloc(d->arena, 3 * count, 64);
    if (!out) return pome__fail_memory(d->error, "the pixels of an image");
    for (size_t i = 0; i < count; i++) memset(out + 3 * i, d->pixels[i], 3);
  }
  const int64_t shape[] = {(int64_t)d->height, (int64_t)d->width, (int64_t)channels};
  return pome_tensor_init(pixels, POME_UINT8, gray ? 2 : 3, shape, out, d->error);
}

/* ---- files ---- */

static pome_status decode(pome__bytes file, bool gray, pome__arena *arena, pome_tensor *pixels,
                          pome_error *error) {
  decoder d = {.file = file, .arena = arena, .error = error};
  if (file.size >= 8 && png_sig_cmp(file.data, 0, 8) == 0) read_png(&d);
  else if (file.size >= 3 && memcmp(file.data, "\xff\xd8\xff", 3) == 0) read_jpeg(&d);
  else return pome__fail(error, POME_INPUT, "the file is neither a PNG nor a JPEG image");
  return d.status == POME_OK ? recolor(&d, gray, pixels) : d.status;
}

pome_status image_read(const char *path, bool gray, pome__arena *arena, pome_tensor *pixels,
                       pome_error *error) {
  pome__blob blob = {.file = -1};
  POME__TRY(pome__blob_open(NULL, path, true, NULL, &blob, error));
  pome_status status = decode(blob.bytes, gray, arena, pixels, error);
  if (status != POME_OK) pome__error_at_file(error, path);
  pome__blob_close(&blob);
  return status;
}

/* A file being made. */
typedef struct encoder {
  pome_error *error;
  pome_status status;
  jmp_buf jump;
  uint8_t *bytes;
  size_t size, room;
} encoder;

_Noreturn static void encode_failed(png_structp png, png_const_charp message) {
  encoder *e = png_get_error_ptr(png);
  if (e->status == POME_OK)
    e->status = pome__fail(e->error, POME_INPUT, "the image cannot be written as PNG: %s", message);
  longjmp(e->jump, 1);
}

static void png_give(png_structp png, png_bytep data, size_t size) {
  encoder *e = png_get_io_ptr(png);
  if (size > e->room - e->size) {
    size_t room = 2 * e->room + size + 4096;
    uint8_t *bytes = realloc(e->bytes, room);
    if (!bytes) {
      e->status = pome__fail_memory(e->error, "a PNG file");
      png_error(png, "out of memory");
    }
    e->bytes = bytes;
    e->room = room;
  }
  memcpy(e->bytes + e->size, data, size);
  e->size += size;
}

static void png_flush_nothing(png_structp png) {
  (void)png;
}

static void png_encode(encoder *e, png_structp png, png_infop info, const pome_tensor *pixels) {
  size_t channels = pixels->rank == 3 ? 3 : 1, width = (size_t)pixels->shape[1];
  png_set_write_fn(png, e, png_give, png_flush_nothing);
  png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)pixels->shape[0], 8,
               channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (int64_t y = 0; y < pixels->shape[0]; y++)
    png_write_row(png, (const uint8_t *)pixels->data + (size_t)y * width * channels);
  png_write_end(png, NULL);
}

static void write_png(encoder *e, const pome_tensor *pixels) {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, e, encode_failed, png_warned);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) e->status = pome__fail_memory(e->error, "a PNG file");
  else if (setjmp(e->jump) == 0) png_encode(e, png, info, pixels);
  png_destroy_write_struct(&png, &info);
}

pome_status image_write(const char *path, const pome_tensor *pixels, pome_error *error) {
  bool fits = pixels->dtype == POME_UINT8 && pome_tensor_is_contiguous(pixels) &&
              (pixels->rank == 2 || (pixels->rank == 3 && pixels->shape[2] == 3)) &&
              pixels->shape[0] <= MAX_SIDE && pixels->shape[1] <= MAX_SIDE;
  if (!fits)
    return pome__fail(error, POME_INPUT, "only images of 8 bits, to %u a side, are written as PNG",
                      MAX_SIDE);
  encoder e = {.error = error};
  write_png(&e, pixels);
  if (e.status == POME_OK) e.status = pome__file_write(path, e.bytes, e.size, error);
  free(e.bytes);
  return e.status;
}

#else

static pome_status refuse(const char *path, pome_error *error) {
  pome__fail(error, POME_UNSUPPORTED, "this pome was built without image files");
  pome__error_hint(error, "build with WITH_IMAGES=ON, or give pixels as a .npy file");
  pome__error_at_file(error, path);
  return POME_UNSUPPORTED;
}

pome_status image_read(const char *path, bool gray, pome__arena *arena, pome_tensor *pixels,
                       pome_error *error) {
  (void)gray;
  (void)arena;
  (void)pixels;
  return refuse(path, error);
}

pome_status image_write(const char *path, const pome_tensor *pixels, pome_error *error) {
  (void)pixels;
  return refuse(path, error);
}

#endif
