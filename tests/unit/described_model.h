/* Models with descriptions of their own: ports of images, dictionaries and labels around small
 * programs written as MIL text, and pipelines of Model messages.
 */
#ifndef POME_TESTS_DESCRIBED_MODEL_H
#define POME_TESTS_DESCRIBED_MODEL_H

#include <pome/pome.h>

#include "wire_writer.h"

/* The types of ports, as messages. */
wire image_type(int64_t width, int64_t height, uint64_t color);
/* Adds allowed sizes (width, height) to an ImageFeatureType, or a range of widths and heights. */
void add_image_sizes(wire *image, const int64_t (*sizes)[2], size_t count);
void add_image_range(wire *image, int64_t width_from, int64_t width_to, int64_t height_from,
                     int64_t height_to);
wire array_type(uint64_t number);

/* Adds a port to a ModelDescription: `field` 1 for inputs, 10 for outputs; `kind` as in
 * FeatureType's oneof: 1 int64, 3 string, 4 image, 5 array, 6 dictionary. Takes `type` over. */
void add_port(wire *description, uint32_t field, const char *name, uint32_t kind, wire type);

/* Opens a compiled model of that program (without "program(1.0) { }") and description, which it
 * takes over. */
pome_model *open_described(const char *text, wire description);

/* A Model of one function: OUT = IN + c, all fp32[2]; c is [1, 2] at 64 in `file`, or in place when
 * that is NULL. */
wire adding_model(const char *in, const char *out, const char *file);
/* A Model of type `number` (200, 201, 202) around Models, which it takes over; `names` may be NULL.
 * Inputs and outputs are fp32[2]. */
wire pipeline_model(uint32_t number, const char *in, const char *out, wire *models,
                    const char *const *names, size_t count);
/* Opens a Model, which it takes over, with the weight file that all of its parts name. */
pome_status open_model(wire model, const wire *weights, const pome_allocator *allocator,
                       pome_model **opened, pome_error *error);

#endif
