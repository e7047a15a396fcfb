/* See described_model.h. Descriptions go where a compiler puts them: behind their length in
 * coremldata.bin. */
#include "described_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "text_model.h"
#include "tiny_model.h"

wire image_type(int64_t width, int64_t height, uint64_t color) {
  wire image = {0};
  wire_uint(&image, 1, (uint64_t)width);
  wire_uint(&image, 2, (uint64_t)height);
  wire_uint(&image, 3, color);
  return image;
}

void add_image_sizes(wire *image, const int64_t (*sizes)[2], size_t count) {
  wire all = {0};
  for (size_t i = 0; i < count; i++) {
    wire size = {0};
    wire_uint(&size, 1, (uint64_t)sizes[i][0]);
    wire_uint(&size, 2, (uint64_t)sizes[i][1]);
    wire_message(&all, 1, size);
  }
  wire_message(image, 21, all);
}

static wire range_of(int64_t from, int64_t to) {
  wire range = {0};
  wire_uint(&range, 1, (uint64_t)from);
  wire_uint(&range, 2, (uint64_t)to);
  return range;
}

void add_image_range(wire *image, int64_t width_from, int64_t width_to, int64_t height_from,
                     int64_t height_to) {
  wire ranges = {0};
  wire_message(&ranges, 1, range_of(width_from, width_to));
  wire_message(&ranges, 2, range_of(height_from, height_to));
  wire_message(image, 31, ranges);
}

wire array_type(uint64_t number) {
  wire array = {0};
  wire_uint(&array, 2, number);
  return array;
}

void add_port(wire *description, uint32_t field, const char *name, uint32_t kind, wire type) {
  wire feature = {0}, port = {0};
  wire_message(&feature, kind, type);
  wire_text(&port, 1, name);
  wire_message(&port, 3, feature);
  wire_message(description, field, port);
}

pome_model *open_described(const char *text, wire description) {
  char folder[256], program[4096];
  wire data = {0};
  const uint8_t type[4] = {0xf6, 1, 0, 0};
  uint64_t size = description.size;
  wire_raw(&data, type, sizeof type);
  wire_raw(&data, &size, sizeof size);
  wire_raw(&data, description.data, description.size);
  wire_free(&description);
  int length = snprintf(program, sizeof program, "program(1.0)\n{\n%s\n}\n", text);
  assert_true(length > 0 && (size_t)length < sizeof program);
  tiny_folder(folder, sizeof folder);
  tiny_write(folder, "model.mil", program, (size_t)length);
  tiny_write(folder, "coremldata.bin", data.data, data.size);
  wire_free(&data);
  pome_model_options options;
  pome_model_options_init(&options);
  options.copy = true;
  pome_model *model = NULL;
  pome_error error;
  pome_status status = pome_model_open(folder, &options, &model, &error);
  tiny_remove(folder);
  check_ok(status, &error);
  return model;
}

/* ---- pipelines ---- */

static const int64_t two[] = {2};

static wire pair_array(void) {
  wire array = array_type(65568);
  const uint8_t shape[] = {2};
  wire_bytes(&array, 1, shape, sizeof shape);
  return array;
}

static wire pair_description(const char *in, const char *out) {
  wire description = {0};
  add_port(&description, 1, in, 5, pair_array());
  add_port(&description, 10, out, 5, pair_array());
  return description;
}

static wire adding_block(const char *in, const char *out, const char *file) {
  wire block = {0}, value, list = {0};
  const float one_two[2] = {1, 2};
  if (file == NULL) {
    wire_bytes(&list, 1, one_two, sizeof one_two);
    value = tiny_value(tiny_tensor_type(MIL_FP32, 1, two), 1, list);
  } else {
    value = tiny_blob_value(tiny_tensor_type(MIL_FP32, 1, two), file, 64);
  }
  wire_text(&block, 2, out);
  wire_message(&block, 3, tiny_const("c", tiny_tensor_type(MIL_FP32, 1, two), value));
  wire_message(&block, 3, tiny_add(out, in, "c"));
  return block;
}

wire adding_model(const char *in, const char *out, const char *file) {
  wire function = {0}, program = {0}, model = {0};
  wire_message(&function, 1, tiny_named_type(in, tiny_tensor_type(MIL_FP32, 1, two)));
  wire_text(&function, 2, "CoreML7");
  wire_message(&function, 3, tiny_entry("CoreML7", adding_block(in, out, file)));
  wire_uint(&program, 1, 1);
  wire_message(&program, 2, tiny_entry("main", function));
  wire_uint(&model, 1, 7);
  wire_message(&model, 2, pair_description(in, out));
  wire_message(&model, 502, program);
  return model;
}

wire pipeline_model(uint32_t number, const char *in, const char *out, wire *models,
                    const char *const *names, size_t count) {
  wire pipeline = {0}, model = {0};
  for (size_t i = 0; i < count; i++) wire_message(&pipeline, 1, models[i]);
  for (size_t i = 0; names != NULL && i < count; i++) wire_text(&pipeline, 2, names[i]);
  if (number != 202) {
    wire outer = {0};
    wire_message(&outer, 1, pipeline);
    pipeline = outer;
  }
  wire_uint(&model, 1, 7);
  wire_message(&model, 2, pair_description(in, out));
  wire_message(&model, number, pipeline);
  return model;
}

pome_status open_model(wire model, const wire *weights, const pome_allocator *allocator,
                       pome_model **opened, pome_error *error) {
  pome_model_options options;
  pome_model_options_init(&options);
  options.copy = true;
  options.allocator = allocator;
  pome_status status =
      pome_model_open_memory(model.data, model.size, weights == NULL ? NULL : weights->data,
                             weights == NULL ? 0 : weights->size, &options, opened, error);
  wire_free(&model);
  return status;
}
