/* Model.proto's description: every kind of port, flexible shapes, functions, metadata, all model
 * types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "package/package.h"
#include "tiny_model.h"

typedef struct fixture {
  pome__arena arena;
  pome__description description;
  pome__bytes program;
  pome_error error;
} fixture;

static pome_status parse(fixture *f, wire description, wire rest) {
  wire model = {0};
  *f = (fixture){0};
  pome__arena_init(&f->arena, NULL, 0);
  wire_uint(&model, 1, 9);
  wire_message(&model, 2, description);
  wire_raw(&model, rest.data, rest.size);
  wire_free(&rest);
  pome_status status = pome__description_parse_model(wire_view(&model), &f->arena, &f->description,
                                                     &f->program, &f->error);
  wire_free(&model);
  return status;
}

static void done(fixture *f) {
  pome__arena_free(&f->arena);
}

static wire port(const char *name, uint32_t kind, wire type, bool optional) {
  wire feature_type = {0}, feature = {0};
  wire_message(&feature_type, kind, type);
  if (optional) wire_uint(&feature_type, 1000, 1);
  wire_text(&feature, 1, name);
  wire_text(&feature, 2, "what it is");
  wire_message(&feature, 3, feature_type);
  return feature;
}

static wire range(uint64_t lower, int64_t upper) {
  wire r = {0};
  wire_uint(&r, 1, lower);
  wire_uint(&r, 2, (uint64_t)upper);
  return r;
}

static wire array(const uint8_t *shape, size_t rank, uint64_t type) {
  wire a = {0};
  if (rank > 0) wire_bytes(&a, 1, shape, rank);
  wire_uint(&a, 2, type);
  return a;
}

static const pome_port *input(const fixture *f, const char *name) {
  const pome__function_description *function = &f->description.functions[0];
  for (size_t i = 0; i < function->input_count; i++)
    if (strcmp(function->inputs[i].name, name) == 0) return &function->inputs[i];
  fail_msg("no input %s", name);
  return NULL;
}

static void scalars_and_collections(void **state) {
  (void)state;
  wire d = {0}, none = {0}, dictionary = {0}, sequence = {0};
  wire_message(&dictionary, 2, none);
  wire_message(&sequence, 1, none);
  wire_message(&sequence, 101, range(1, 5));
  wire_message(&d, 1, port("i", 1, none, false));
  wire_message(&d, 1, port("d", 2, none, true));
  wire_message(&d, 1, port("s", 3, none, false));
  wire_message(&d, 1, port("m", 6, dictionary, false));
  wire_message(&d, 1, port("q", 7, sequence, false));
  fixture f;
  assert_int_equal(parse(&f, d, none), POME_OK);
  assert_int_equal(f.description.function_count, 1);
  assert_string_equal(f.description.functions[0].name, "main");
  assert_int_equal(input(&f, "i")->feature, POME_FEATURE_INT64);
  assert_int_equal(input(&f, "i")->rank, 0);
  assert_false(input(&f, "i")->optional);
  assert_string_equal(input(&f, "i")->description, "what it is");
  assert_int_equal(input(&f, "d")->feature, POME_FEATURE_DOUBLE);
  assert_true(input(&f, "d")->optional);
  assert_int_equal(input(&f, "s")->feature, POME_FEATURE_STRING);
  assert_int_equal(input(&f, "m")->feature, POME_FEATURE_DICTIONARY);
  assert_int_equal(input(&f, "m")->dtype, POME_STRING);
  assert_int_equal(input(&f, "q")->feature, POME_FEATURE_SEQUENCE);
  assert_int_equal(input(&f, "q")->dtype, POME_INT64);
  assert_int_equal(input(&f, "q")->lower[0], 1);
  assert_int_equal(input(&f, "q")->upper[0], 5);
  assert_int_equal(f.description.model_type, 0);
  done(&f);
}

static void arrays(void **state) {
  (void)state;
  static const struct {
    const char *name;
    uint64_t number;
    pome_dtype dtype;
  } types[] = {{"a", 65568, POME_FP32},
               {"b", 65600, POME_FP64},
               {"c", 131104, POME_INT32},
               {"e", 65552, POME_FP16},
               {"f", 131080, POME_INT8}};
  wire d = {0}, none = {0}, ranges = {0}, shapes = {0}, one = {0}, two = {0};
  for (size_t i = 0; i < 5; i++) {
    wire a = array((const uint8_t[]){1, 3}, 2, types[i].number);
    wire_message(&d, 1, port(types[i].name, 5, a, false));
  }
  wire flexible = array((const uint8_t[]){1, 4}, 2, 65568);
  wire_message(&ranges, 1, range(1, 1));
  wire_message(&ranges, 1, range(2, -1));
  wire_message(&flexible, 31, ranges);
  wire_fixed32(&flexible, 51, 0x3fc00000u); /* 1.5 */
  wire_message(&d, 1, port("range", 5, flexible, true));
  wire listed = array(NULL, 0, 131104);
  wire_uint(&one, 1, 1);
  wire_uint(&one, 1, 8);
  wire_bytes(&two, 1, "\x02\x04", 2);
  wire_message(&shapes, 1, one);
  wire_message(&shapes, 1, two);
  wire_message(&listed, 21, shapes);
  wire_uint(&listed, 41, (uint64_t)-3);
  wire_message(&d, 1, port("listed", 5, listed, true));
  wire_message(&d, 10, port("bare", 5, array(NULL, 0, 65568), false));
  fixture f;
  assert_int_equal(parse(&f, d, none), POME_OK);
  for (size_t i = 0; i < 5; i++) assert_int_equal(input(&f, types[i].name)->dtype, types[i].dtype);
  const pome_port *p = input(&f, "a");
  assert_true(p->rank == 2 && p->shape[0] == 1 && p->shape[1] == 3);
  assert_true(p->flexibility == POME_SHAPE_FIXED && p->lower[1] == 3 && p->upper[1] == 3);
  p = input(&f, "range");
  assert_int_equal(p->flexibility, POME_SHAPE_RANGE);
  assert_true(p->shape[1] == 4 && p->lower[1] == 2 && p->upper[1] == -1);
  assert_true(p->has_default && p->default_value == 1.5);
  p = input(&f, "listed");
  assert_int_equal(p->flexibility, POME_SHAPE_ENUMERATED);
  assert_true(p->rank == 2 && p->shape[0] == POME_DIM_UNKNOWN && p->shape_count == 2);
  assert_true(p->shapes[0][1] == 8 && p->shapes[1][0] == 2 && p->lower[0] == 1 && p->upper[1] == 8);
  assert_true(p->has_default && p->default_value == -3);
  assert_int_equal(f.description.functions[0].outputs[0].rank, -1);
  done(&f);
}

static void images(void **state) {
  (void)state;
  static const struct {
    uint64_t number;
    pome_color color;
    pome_dtype dtype;
  } colors[] = {{10, POME_COLOR_GRAY, POME_UINT8},
                {20, POME_COLOR_RGB, POME_UINT8},
                {30, POME_COLOR_BGR, POME_UINT8},
                {40, POME_COLOR_GRAY_FP16, POME_FP16}};
  const wire none = {0};
  for (size_t i = 0; i < 4; i++) {
    wire d = {0}, image = {0}, sizes = {0}, size = {0};
    wire_uint(&image, 1, 64);
    wire_uint(&image, 2, 48);
    wire_uint(&image, 3, colors[i].number);
    wire_uint(&size, 1, 32);
    wire_uint(&size, 2, 24);
    if (i == 1) {
      wire_message(&sizes, 1, size);
      wire_message(&image, 21, sizes);
    } else if (i == 2) {
      wire_free(&size);
      wire_message(&sizes, 1, range(10, 20));
      wire_message(&sizes, 2, range(30, -1));
      wire_message(&image, 31, sizes);
    } else {
      wire_free(&size);
    }
    wire_message(&d, 1, port("p", 4, image, false));
    fixture f;
    assert_int_equal(parse(&f, d, none), POME_OK);
    const pome_port *p = input(&f, "p");
    assert_int_equal(p->feature, POME_FEATURE_IMAGE);
    assert_int_equal(p->color, colors[i].color);
    assert_int_equal(p->dtype, colors[i].dtype);
    assert_true(p->rank == 2 && p->shape[0] == 48 && p->shape[1] == 64);
    if (i == 1) assert_true(p->shape_count == 1 && p->shapes[0][0] == 24 && p->shapes[0][1] == 32);
    if (i == 2) assert_true(p->lower[0] == 30 && p->upper[0] == -1 && p->upper[1] == 20);
    done(&f);
  }
}

static wire function(const char *name) {
  wire d = {0}, st = {0};
  wire_text(&d, 1, name);
  wire_message(&d, 2, port("x", 5, array((const uint8_t[]){2}, 1, 65568), false));
  wire_message(&d, 3, port("y", 5, array(NULL, 0, 65552), false));
  wire_text(&d, 4, "label");
  wire_text(&d, 5, "scores");
  wire_message(&st, 1, array((const uint8_t[]){1, 8}, 2, 65552));
  wire_message(&d, 6, port("cache", 8, st, false));
  return d;
}

static void functions_and_states(void **state) {
  (void)state;
  wire d = {0}, none = {0};
  wire_message(&d, 20, function("prefill"));
  wire_message(&d, 20, function("decode"));
  wire_text(&d, 21, "decode");
  fixture f;
  assert_int_equal(parse(&f, d, none), POME_OK);
  assert_int_equal(f.description.function_count, 2);
  assert_string_equal(f.description.default_function, "decode");
  const pome__function_description *decode = &f.description.functions[1];
  assert_string_equal(decode->name, "decode");
  assert_string_equal(decode->predicted_feature, "label");
  assert_string_equal(decode->predicted_probabilities, "scores");
  assert_int_equal(decode->state_count, 1);
  assert_int_equal(decode->states[0].feature, POME_FEATURE_STATE);
  assert_int_equal(decode->states[0].dtype, POME_FP16);
  assert_true(decode->states[0].rank == 2 && decode->states[0].shape[1] == 8);
  done(&f);
}

static void metadata_in_order(void **state) {
  (void)state;
  static const char *const expected[] = {"author", "me", "shortDescription", "short", "a", "2",
                                         "b",      "1"};
  wire d = {0}, meta = {0}, none = {0};
  for (int i = 0; i < 3; i++) {
    wire entry = {0};
    wire_text(&entry, 1, i == 0 ? "b" : "a");
    wire_text(&entry, 2, i == 0 ? "1" : i == 1 ? "first" : "2");
    wire_message(&meta, 100, entry);
  }
  wire_text(&meta, 1, "short");
  wire_text(&meta, 3, "you");
  wire_text(&meta, 3, "me");
  wire_message(&d, 100, meta);
  fixture f;
  assert_int_equal(parse(&f, d, none), POME_OK);
  assert_int_equal(f.description.metadata_count, 4);
  for (size_t i = 0; i < 8; i++) assert_string_equal(f.description.metadata[i], expected[i]);
  done(&f);
}

static void all_model_types(void **state) {
  (void)state;
  static const struct {
    uint32_t number;
    const char *name;
  } types[] = {
#define X(number, name) {number, name},
      POME__MODEL_TYPE_TABLE(X)
#undef X
  };
  assert_int_equal(sizeof(types) / sizeof(types[0]), 37);
  for (size_t i = 0; i < 37; i++) {
    wire rest = {0}, none = {0}, body = {0};
    wire_uint(&body, 1, 1);
    wire_message(&rest, types[i].number, body);
    wire_uint(&rest, 10, 1);
    fixture f;
    assert_int_equal(parse(&f, none, rest), POME_OK);
    assert_int_equal(f.description.model_type, types[i].number);
    assert_string_equal(f.description.model_type_name, types[i].name);
    assert_int_equal(f.description.specification_version, 9);
    assert_true(f.description.updatable);
    bool wanted = pome__model_type_form(types[i].number) != POME__PROGRAM_NONE ||
                  pome__model_type_is_pipeline(types[i].number);
    assert_int_equal(f.program.size, wanted ? 2 : 0);
    done(&f);
  }
}

static void last_of_two_types_counts(void **state) {
  (void)state;
  wire rest = {0}, none = {0};
  wire_message(&rest, 502, none);
  wire_message(&rest, 500, none);
  fixture f;
  assert_int_equal(parse(&f, none, rest), POME_OK);
  assert_int_equal(f.description.model_type, 500);
  done(&f);
}

/* Programs that give one value twice describe its port twice. */
static void an_output_may_be_described_twice(void **state) {
  (void)state;
  wire d = {0}, rest = {0}, none = {0};
  wire_message(&d, 10, port("b", 1, none, false));
  wire_message(&d, 10, port("a", 2, none, false));
  wire_message(&d, 10, port("b", 1, none, false));
  wire_message(&d, 10, port("c", 1, none, false));
  fixture f;
  assert_int_equal(parse(&f, d, rest), POME_OK);
  const pome__function_description *main = &f.description.functions[0];
  assert_int_equal(main->output_count, 3);
  for (size_t i = 0; i < 3; i++)
    assert_string_equal(main->outputs[i].name, ((const char *[]){"b", "a", "c"})[i]);
  done(&f);
}

static wire bad_port(int which) {
  wire d = {0}, none = {0}, ranges = {0}, a;
  switch (which) {
  case 0: wire_message(&d, 1, port("", 1, none, false)); break;
  case 1:
    wire_message(&d, 1, port("x", 1, none, false));
    wire_message(&d, 1, port("x", 2, none, false));
    break;
  case 2: wire_message(&d, 1, port("x", 5, array((const uint8_t[9]){0}, 9, 65568), false)); break;
  case 3: wire_message(&d, 1, port("x", 5, array(NULL, 0, 5), false)); break;
  case 4:
    a = array((const uint8_t[]){1, 4}, 2, 65568);
    wire_message(&ranges, 1, range(1, 1));
    wire_message(&a, 31, ranges);
    wire_message(&d, 1, port("x", 5, a, false));
    break;
  case 5:
    a = array((const uint8_t[]){1}, 1, 65568);
    wire_message(&ranges, 1, range(5, 2));
    wire_message(&a, 31, ranges);
    wire_message(&d, 1, port("x", 5, a, false));
    break;
  case 6:
    a = array((const uint8_t[]){1}, 1, 65568);
    wire_message(&ranges, 1, range(5, -2));
    wire_message(&a, 31, ranges);
    wire_message(&d, 1, port("x", 5, a, false));
    break;
  case 7: wire_text(&d, 21, "missing"); break;
  case 8: wire_message(&d, 20, none); break;
  case 9: wire_message(&d, 1, port("a\xff", 1, none, false)); break;
  case 10: wire_uint(&d, 1, 5); break;
  case 11:
    wire_message(&d, 100, none);
    wire_message(&d, 100, none);
    break;
  case 12:
    wire_message(&d, 10, port("y", 1, none, false));
    wire_message(&d, 10, port("y", 2, none, false));
    break;
  default:
    wire_uint(&ranges, 1, (uint64_t)-7);
    wire_message(&d, 1, port("x", 5, ranges, false));
    break;
  }
  return d;
}

static void refuses(void **state) {
  (void)state;
  const wire none = {0};
  for (int which = 0; which <= 13; which++) {
    fixture f;
    pome_status status = parse(&f, bad_port(which), none);
    if (status == POME_OK) print_error("case %d\n", which);
    assert_int_equal(status, which == 3 ? POME_UNSUPPORTED : POME_INPUT);
    assert_true(f.error.message[0] != '\0');
    done(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scalars_and_collections),
      cmocka_unit_test(arrays),
      cmocka_unit_test(images),
      cmocka_unit_test(functions_and_states),
      cmocka_unit_test(metadata_in_order),
      cmocka_unit_test(all_model_types),
      cmocka_unit_test(last_of_two_types_counts),
      cmocka_unit_test(an_output_may_be_described_twice),
      cmocka_unit_test(refuses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
