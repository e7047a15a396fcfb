/* Ports and shapes: which sizes an input takes, and how others are refused. */
#include <stdio.h>
#include <string.h>

#include "runtime/runtime.h"
#include "tensor/shape.h"

bool pome__port_bound(const pome_port *port, const pome__type *declared, pome__type *bound) {
  *bound = *declared;
  if (pome__type_is_known(declared)) return true;
  if (port == NULL || port->rank < 0) return false;
  int first = 0; /* the port's dimensions are the last ones: an image has only height and width */
  if (port->feature == POME_FEATURE_IMAGE) {
    if (declared->rank < port->rank) return false;
    first = declared->rank - port->rank;
  } else {
    *bound = pome__type_tensor(declared->dtype, port->rank, port->shape);
  }
  for (int d = 0; d < port->rank; d++) {
    int64_t *dim = &bound->dims[first + d];
    *dim = port->flexibility == POME_SHAPE_RANGE ? port->upper[d] : port->shape[d];
    for (size_t s = 0; port->flexibility == POME_SHAPE_ENUMERATED && s < port->shape_count; s++) {
      if (port->shapes[s][d] > *dim) *dim = port->shapes[s][d];
    }
  }
  return pome__type_is_known(bound);
}

static bool dims_fit(const pome__type *declared, int rank, const int64_t *shape) {
  if (declared->rank < 0) return true;
  if (declared->rank != rank) return false;
  for (int d = 0; d < rank; d++) {
    if (declared->dims[d] != POME_DIM_UNKNOWN && declared->dims[d] != shape[d]) return false;
  }
  return true;
}

bool pome__port_allows(const pome_port *port, int rank, const int64_t *shape) {
  if (port->rank < 0 ||
      (port->feature != POME_FEATURE_TENSOR && port->feature != POME_FEATURE_IMAGE))
    return true;
  if (port->rank != rank) return false;
  switch (port->flexibility) {
  case POME_SHAPE_FIXED:
    for (int d = 0; d < rank; d++) {
      if (port->shape[d] != POME_DIM_UNKNOWN && port->shape[d] != shape[d]) return false;
    }
    return true;
  case POME_SHAPE_ENUMERATED:
    for (size_t s = 0; s < port->shape_count; s++) {
      if (pome__shape_equal(rank, port->shapes[s], rank, shape)) return true;
    }
    return false;
  case POME_SHAPE_RANGE:
    for (int d = 0; d < rank; d++) {
      if (shape[d] < port->lower[d] || (port->upper[d] >= 0 && shape[d] > port->upper[d]))
        return false;
    }
    return true;
  }
  return false;
}

void pome__append(char *text, size_t size, const char *more) {
  size_t used = strlen(text);
  snprintf(text + used, size - used, "%s", more);
}

void pome__append_name(char *text, size_t size, const char *name) {
  if (text[0] != '\0') pome__append(text, size, ", ");
  pome__append(text, size, name);
}

/* "[1, 2..8]" or "[1, 2] or [1, 4]". */
static void format_allowed(const pome_port *port, const pome__type *declared, char *text,
                           size_t size) {
  char one[POME__SHAPE_TEXT];
  text[0] = '\0';
  if (port->flexibility == POME_SHAPE_ENUMERATED) {
    for (size_t s = 0; s < port->shape_count && s < 8; s++) {
      if (s > 0) pome__append(text, size, " or ");
      pome__append(text, size, pome__shape_format(port->rank, port->shapes[s], one, sizeof one));
    }
    if (port->shape_count > 8) pome__append(text, size, " or others");
    return;
  }
  if (port->flexibility == POME_SHAPE_FIXED) {
    bool program = port->rank < 0;
    pome__append(text, size,
                 pome__shape_format(program ? declared->rank : port->rank,
                                    program ? declared->dims : port->shape, one, sizeof one));
    return;
  }
  pome__append(text, size, "[");
  for (int d = 0; d < port->rank; d++) {
    long long low = (long long)port->lower[d], high = (long long)port->upper[d];
    if (low == high) snprintf(one, sizeof one, "%s%lld", d ? ", " : "", low);
    else if (high < 0) snprintf(one, sizeof one, "%s%lld or more", d ? ", " : "", low);
    else snprintf(one, sizeof one, "%s%lld..%lld", d ? ", " : "", low, high);
    pome__append(text, size, one);
  }
  pome__append(text, size, "]");
}

pome_status pome__fail_unknown_input(const pome_function *function, const char *name,
                                     pome_error *error) {
  char known[200] = "";
  for (size_t i = 0; i < function->description->input_count; i++)
    pome__append_name(known, sizeof known, function->description->inputs[i].name);
  return pome__fail(error, POME_INPUT, "no input is named \"%s\"; the inputs are: %s", name, known);
}

/* The first dimension that is out of the port's range, or -1: the rank is another, or the port has
 * no range. */
static int outside_range(const pome_port *port, int rank, const int64_t *shape) {
  if (port->flexibility != POME_SHAPE_RANGE || port->rank != rank) return -1;
  for (int d = 0; d < rank; d++) {
    if (shape[d] < port->lower[d] || (port->upper[d] >= 0 && shape[d] > port->upper[d])) return d;
  }
  return -1;
}

/* "(1 x 29 x 3)" */
static void format_product(int rank, const int64_t *shape, char *text, size_t size) {
  char one[32];
  snprintf(text, size, "(");
  for (int d = 0; d < rank; d++) {
    snprintf(one, sizeof one, "%s%lld", d ? " x " : "", (long long)shape[d]);
    pome__append(text, size, one);
  }
  pome__append(text, size, ")");
}

/* Where Core ML has words for it, they are used: callers look for them. */
static pome_status refuse_shape(const pome_port *port, const pome__type *declared, int rank,
                                const int64_t *shape, pome_error *error) {
  char seen[POME__SHAPE_TEXT + POME_MAX_RANK * 2], allowed[320];
  int outside = outside_range(port, rank, shape);
  pome__shape_format(rank, shape, seen, sizeof seen);
  format_allowed(port, declared, allowed, sizeof allowed);
  if (outside >= 0 && port->upper[outside] >= 0) {
    return pome__fail(error, POME_INPUT,
                      "input \"%s\" has shape %s: Size (%lld) of dimension (%d) is not in allowed "
                      "range (%lld..%lld); allowed is %s",
                      port->name, seen, (long long)shape[outside], outside,
                      (long long)port->lower[outside], (long long)port->upper[outside], allowed);
  }
  if (port->flexibility == POME_SHAPE_ENUMERATED) {
    format_product(rank, shape, seen, sizeof seen);
    return pome__fail(
        error, POME_INPUT,
        "input \"%s\": MultiArray Shape %s was not in enumerated set of allowed shapes: %s",
        port->name, seen, allowed);
  }
  return pome__fail(error, POME_INPUT, "input \"%s\" has shape %s; allowed is %s", port->name, seen,
                    allowed);
}

/* A function that takes any rank is a network over sequences: an array for it may have a sequence
 * and a batch of 1 before the port's dimensions. */
static int sequence_dims(const pome_port *port, const pome__type *declared, int rank,
                         const int64_t *shape) {
  bool sequence = declared->rank < 0 && port->feature == POME_FEATURE_TENSOR && port->rank > 0;
  return sequence && rank == port->rank + 2 && shape[1] == 1 ? 2 : 0;
}

/* A tensor for an image port is what the program takes: height and width are its last two
 * dimensions. */
pome_status pome__port_check_shape(const pome_port *port, const pome__type *declared, int rank,
                                   const int64_t *shape, pome_error *error) {
  int first = port->feature == POME_FEATURE_IMAGE && rank > port->rank
                  ? rank - port->rank
                  : sequence_dims(port, declared, rank, shape);
  if (pome__port_allows(port, rank - first, shape + first) && dims_fit(declared, rank, shape))
    return POME_OK;
  pome_port program = {.name = port->name, .rank = -1};
  bool image = port->feature == POME_FEATURE_IMAGE && pome__type_is_known(declared);
  return refuse_shape(image ? &program : port, declared, rank, shape, error);
}
