/* From a FeatureType message to a port. */
#ifndef POME_SRC_PACKAGE_FEATURE_TYPE_H
#define POME_SRC_PACKAGE_FEATURE_TYPE_H

#include "package/package.h"
#include "wire/pb.h"

/* Fills in all but the port's name and description; lists of shapes go to the arena. */
pome_status pome__feature_type_parse(pome__pb pb, pome__arena *arena, pome_port *port,
                                     pome_error *error);

#endif
