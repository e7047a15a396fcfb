/* See network_case.h. */
#include "network_case.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- messages ---- */

static void skip_spaces(const char **at) {
  while (isspace((unsigned char)**at)) ++*at;
}

static int64_t read_whole(const char **at) {
  bool minus = **at == 'm';
  char *end;
  int64_t value = strtoll(*at + minus, &end, 10);
  assert_true(end > *at + minus);
  *at = end;
  return minus ? -value : value;
}

static uint32_t read_float(const char **at) {
  char *end;
  float value = strtof(*at, &end);
  uint32_t bits;
  assert_true(end > *at);
  memcpy(&bits, &value, sizeof bits);
  *at = end;
  return bits;
}

static uint64_t read_double(const char **at) {
  char *end;
  double value = strtod(*at, &end);
  uint64_t bits;
  assert_true(end > *at);
  memcpy(&bits, &value, sizeof bits);
  *at = end;
  return bits;
}

/* Of floats 'F', doubles 'D', or varints. */
static void read_list(const char **at, char kind, wire *out) {
  for (skip_spaces(at); **at != ']'; skip_spaces(at)) {
    if (kind == 'F') {
      uint32_t bits = read_float(at);
      wire_raw(out, &bits, sizeof bits);
    } else if (kind == 'D') {
      uint64_t bits = read_double(at);
      wire_raw(out, &bits, sizeof bits);
    } else {
      wire_varint(out, (uint64_t)read_whole(at));
    }
  }
  ++*at;
}

static void read_hex(const char **at, wire *out) {
  for (; isxdigit((unsigned char)**at); *at += 2) {
    char pair[3] = {(*at)[0], (*at)[1], '\0'};
    uint8_t byte = (uint8_t)strtoul(pair, NULL, 16);
    wire_raw(out, &byte, 1);
  }
}

static wire read_fields(const char **at, char close);

static void read_value(const char **at, uint32_t number, wire *out) {
  wire inner = {NULL, 0, 0};
  const char *start = *at;
  switch (*start) {
  case 'f':
    ++*at;
    wire_fixed32(out, number, read_float(at));
    return;
  case 'd':
    ++*at;
    wire_fixed64(out, number, read_double(at));
    return;
  case 'F':
  case 'D':
  case '[':
    *at += *start == '[' ? 1 : 2;
    read_list(at, *start, &inner);
    break;
  case 'x':
    ++*at;
    read_hex(at, &inner);
    break;
  case '{':
    ++*at;
    inner = read_fields(at, '}');
    break;
  case '"':
    *at = strchr(start + 1, '"') + 1;
    wire_raw(&inner, start + 1, (size_t)(*at - start) - 2);
    break;
  default: wire_uint(out, number, (uint64_t)read_whole(at)); return;
  }
  wire_message(out, number, inner);
}

static wire read_fields(const char **at, char close) {
  wire out = {NULL, 0, 0};
  for (skip_spaces(at); **at != close; skip_spaces(at)) {
    uint32_t number = (uint32_t)read_whole(at);
    if (**at != ':') fail_msg("':' is expected at: %s", *at);
    ++*at;
    read_value(at, number, &out);
  }
  if (close != '\0') ++*at;
  return out;
}

wire network_message(const char *text) {
  return read_fields(&text, '\0');
}

void network_parse_tensor(const char *text, network_tensor *out) {
  *out = (network_tensor){.rank = 0};
  for (text++; *text != ']'; text += *text == ',') {
    char *end;
    out->shape[out->rank++] = strtoll(text, &end, 10);
    text = end;
  }
  text++;
  for (skip_spaces(&text); *text != '\0'; skip_spaces(&text)) {
    char *end;
    out->data[out->count++] = strtof(text, &end);
    assert_true(end > text && out->count < MOST);
    text = end;
  }
}

pome_status typed_open(uint32_t type, const char *description, const char *body, pome_model **model,
                       pome_error *error) {
  wire message = {NULL, 0, 0};
  pome_model_options options;
  pome_model_options_init(&options);
  options.copy = true;
  wire_uint(&message, 1, 4);
  wire_message(&message, 2, network_message(description));
  wire_message(&message, type, network_message(body));
  pome_status status =
      pome_model_open_memory(message.data, message.size, NULL, 0, &options, model, error);
  wire_free(&message);
  return status;
}

pome_status network_open(const char *description, const char *network, pome_model **model,
                         pome_error *error) {
  return typed_open(500, description, network, model, error);
}

/* ---- cases ---- */

#define TEXT 16384

static const char *const names[] = {"a", "b", "c", "d"};
static const char *const results[] = {"o0", "o1", "o2", "o3", "o4"};

static void append(char *text, const char *format, ...) {
  size_t used = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + used, TEXT - used, format, arguments);
  va_end(arguments);
  assert_true(strlen(text) < TEXT - 1);
}

static void write_case(const layer_case *c, char *description, char *network) {
  append(network, "5:1 1:{1:\"one\" ");
  for (int i = 0; i < 4 && c->in[i] != NULL; i++) {
    network_tensor t;
    network_parse_tensor(c->in[i], &t);
    append(description, "1:{1:\"%s\" 3:{5:{1:[", names[i]);
    for (int d = 0; d < t.rank; d++) append(description, "%lld ", (long long)t.shape[d]);
    append(description, "] 2:65568}}} ");
    append(network, "2:\"%s\" ", names[i]);
  }
  bool wrong = strncmp(c->out[0], "error: ", 7) == 0;
  for (int i = 0; i < 6 && c->out[i] != NULL; i++) {
    append(description, "10:{1:\"%s\" 3:{5:{2:65568}}} ", results[i]);
    append(network, "3:\"%s\" ", results[i]);
    if (wrong) break;
  }
  append(network, "%u:{%s}}", c->layer, c->params);
}

static void run_case(const layer_case *c, const pome_model *model, const mode *how) {
  static network_tensor given[4], t; /* inputs are borrowed until the prediction */
  static float got[MOST];
  pome_error error;
  pome_plan_options options;
  pome_plan_options_init(&options);
  options.devices = how->device;
  options.numerics = how->numerics;
  text_model m = {.function = pome_model_find_function(model, NULL)};
  pome_status status = pome_plan_create(m.function, &options, &m.plan, &error);
  if (status != POME_OK) fail_msg("%s: %s", c->what, error.message);
  check_ok(pome_run_create(m.plan, NULL, &m.run, &error), &error);
  for (int i = 0; i < 4 && c->in[i] != NULL; i++) {
    network_parse_tensor(c->in[i], &given[i]);
    pome_tensor tensor = tensor_of(POME_FP32, given[i].rank, given[i].shape, given[i].data);
    check_ok(pome_run_set_tensor(m.run, names[i], &tensor, &error), &error);
  }
  status = pome_run_predict(m.run, NULL, &error);
  if (status != POME_OK) fail_msg("%s: %s", c->what, error.message);
  for (int i = 0; i < 6 && c->out[i] != NULL; i++) {
    pome_tensor shape;
    network_parse_tensor(c->out[i], &t);
    size_t count = mode_result(&m, results[i], got, &shape);
    if (shape.rank != t.rank || count != t.count ||
        memcmp(shape.shape, t.shape, (size_t)t.rank * sizeof *t.shape) != 0)
      fail_msg("%s (%s): output %d has rank %d and %zu elements", c->what, how->name, i, shape.rank,
               count);
    check_near(c->what, how->name, got, t.data, count, 2e-5f);
  }
  pome_run_free(m.run);
  pome_plan_free(m.plan);
}

void layer_case_run(const layer_case *c) {
  static char description[TEXT], network[TEXT];
  pome_model *model = NULL;
  pome_error error;
  description[0] = network[0] = '\0';
  write_case(c, description, network);
  pome_status status = network_open(description, network, &model, &error);
  if (strncmp(c->out[0], "error: ", 7) == 0) {
    if (status == POME_OK) fail_msg("%s: it should not open", c->what);
    if (strstr(error.message, c->out[0] + 7) == NULL)
      fail_msg("%s: \"%s\" where \"%s\" is expected", c->what, error.message, c->out[0] + 7);
    return;
  }
  if (status != POME_OK) fail_msg("%s: %s", c->what, error.message);
  for (int how = 0; how < 3; how++) run_case(c, model, &modes[how]);
  pome_model_close(model);
}

void layer_cases_run(const layer_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++) layer_case_run(&cases[i]);
}
