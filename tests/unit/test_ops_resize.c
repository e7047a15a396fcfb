/* Op cases of image resizing. Expected numbers come from torch in double, or were worked out by
 * hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "op_case.h"

static void test_resize(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"resize_bilinear", POME__IOS15,
       "x=fp32[1,2,3,4]{-1.5, -1.75, 2, 0.25, -1.75, 0, 0, -0.25, 1.75, 1.75, -1.5, -1.5, -0.25, "
       "1.25, 0.5, 1, 0.25, -1.25, 1.25, -2, 0.75, -1.25, -0, 2}; target_size_height=5; "
       "target_size_width=3; sampling_mode=\"STRICT_ALIGN_CORNERS\"",
       "fp32[1,2,5,3]{-1.5, 0.125, 0.25, -1.625, 0.0625, 0, -1.75, 0, -0.25, 0, 0.0625, -0.875, "
       "1.75, 0.125, -1.5, -0.25, 0.875, 1, 0, 0.4375, -0.5, 0.25, 0, -2, 0.5, -0.3125, 0, 0.75, "
       "-0.625, 2}",
       0},
      {"resize_bilinear", POME__IOS15,
       "x=fp32[1,2,3,4]{-1.5, -1.75, 2, 0.25, -1.75, 0, 0, -0.25, 1.75, 1.75, -1.5, -1.5, -0.25, "
       "1.25, 0.5, 1, 0.25, -1.25, 1.25, -2, 0.75, -1.25, -0, 2}; target_size_height=2; "
       "target_size_width=6; sampling_mode=\"UNALIGN_CORNERS\"",
       "fp32[1,2,2,6]{-1.5625, -1.4375, -0.84375, 1.03125, 0.8125, 0.125, 0.875, 1.09375, 0.90625, "
       "-0.71875, -1.15625, -1.1875, -0.125, 0.25, 0.6354167, 0.6770833, 0.46875, 0.25, 0.625, "
       "-0.3125, -0.9895833, 0.05208333, 0.65625, 1}",
       0},
      {"resize_bilinear", POME__IOS15,
       "x=fp32[1,1,2]{0, 1}; target_size_height=1; target_size_width=5",
       "fp32[1,1,5]{0, 0.4, 0.8, 1, 1}", 0},
      {"resize_bilinear", POME__IOS15,
       "x=fp32[1,1,2]{0, 1}; target_size_height=1; target_size_width=5; "
       "sampling_mode=\"OFFSET_CORNERS\"",
       "fp32[1,1,5]{0.1, 0.3, 0.5, 0.7, 0.9}", 0},
      {"resize_bilinear", POME__IOS15,
       "x=fp32[1,1,3]{0, 1, 4}; target_size_height=1; target_size_width=1; "
       "sampling_mode=\"ALIGN_CORNERS\"",
       "fp32[1,1,1]{1}", 0},
      {"resize_bilinear", POME__IOS15, "x=fp32[1,1,2]{0, 1}; sampling_mode=\"NONE\"",
       "error: allowed: \"DEFAULT\"", 0},
      {"resize_nearest_neighbor", POME__IOS15,
       "x=fp32[1,2,3,4]{-1.5, -1.75, 2, 0.25, -1.75, 0, 0, -0.25, 1.75, 1.75, -1.5, -1.5, -0.25, "
       "1.25, 0.5, 1, 0.25, -1.25, 1.25, -2, 0.75, -1.25, -0, 2}; target_size_height=2; "
       "target_size_width=6",
       "fp32[1,2,2,6]{-1.5, -1.5, -1.75, 2, 2, 0.25, -1.75, -1.75, 0, 0, 0, -0.25, -0.25, -0.25, "
       "1.25, 0.5, 0.5, 1, 0.25, 0.25, -1.25, 1.25, 1.25, -2}",
       0},
      {"upsample_nearest_neighbor", POME__IOS15,
       "x=fp32[1,2,3,4]{-1.5, -1.75, 2, 0.25, -1.75, 0, 0, -0.25, 1.75, 1.75, -1.5, -1.5, -0.25, "
       "1.25, 0.5, 1, 0.25, -1.25, 1.25, -2, 0.75, -1.25, -0, 2}; scale_factor_height=2; "
       "scale_factor_width=3",
       "fp32[1,2,6,12]{-1.5, -1.5, -1.5, -1.75, -1.75, -1.75, 2, 2, 2, 0.25, 0.25, 0.25, -1.5, "
       "-1.5, -1.5, -1.75, -1.75, -1.75, 2, 2, 2, 0.25, 0.25, 0.25, -1.75, -1.75, -1.75, 0, 0, 0, "
       "0, 0, 0, -0.25, -0.25, -0.25, -1.75, -1.75, -1.75, 0, 0, 0, 0, 0, 0, -0.25, -0.25, -0.25, "
       "1.75, 1.75, 1.75, 1.75, 1.75, 1.75, -1.5, -1.5, -1.5, -1.5, -1.5, -1.5, 1.75, 1.75, 1.75, "
       "1.75, 1.75, 1.75, -1.5, -1.5, -1.5, -1.5, -1.5, -1.5, -0.25, -0.25, -0.25, 1.25, 1.25, "
       "1.25, 0.5, 0.5, 0.5, 1, 1, 1, -0.25, -0.25, -0.25, 1.25, 1.25, 1.25, 0.5, 0.5, 0.5, 1, 1, "
       "1, 0.25, 0.25, 0.25, -1.25, -1.25, -1.25, 1.25, 1.25, 1.25, -2, -2, -2, 0.25, 0.25, 0.25, "
       "-1.25, -1.25, -1.25, 1.25, 1.25, 1.25, -2, -2, -2, 0.75, 0.75, 0.75, -1.25, -1.25, -1.25, "
       "-0, -0, -0, 2, 2, 2, 0.75, 0.75, 0.75, -1.25, -1.25, -1.25, -0, -0, -0, 2, 2, 2}",
       0},
      {"upsample_bilinear", POME__IOS15,
       "x=fp32[1,2,3,4]{-1.5, -1.75, 2, 0.25, -1.75, 0, 0, -0.25, 1.75, 1.75, -1.5, -1.5, -0.25, "
       "1.25, 0.5, 1, 0.25, -1.25, 1.25, -2, 0.75, -1.25, -0, 2}; scale_factor_height=2.0; "
       "scale_factor_width=1.5; align_corners=false",
       "fp32[1,2,6,6]{-1.5, -1.625, -1.125, 1.375, 1.125, 0.25, -1.5625, -1.4375, -0.84375, "
       "1.03125, 0.8125, 0.125, -1.6875, -1.0625, -0.28125, 0.34375, 0.1875, -0.125, -0.875, "
       "-0.21875, 0.3020833, -0.2395833, -0.46875, -0.5625, 0.875, 1.09375, 0.90625, -0.71875, "
       "-1.15625, -1.1875, 1.75, 1.75, 1.208333, -0.9583333, -1.5, -1.5, -0.25, 0.5, 1.125, 0.625, "
       "0.75, 1, -0.125, 0.25, 0.6354167, 0.6770833, 0.46875, 0.25, 0.125, -0.25, -0.34375, "
       "0.78125, -0.09375, -1.25, 0.375, -0.4375, -0.8854167, 0.5729167, -0.03125, -1, 0.625, "
       "-0.3125, -0.9895833, 0.05208333, 0.65625, 1, 0.75, -0.25, -1.041667, -0.2083333, 1, 2}",
       0},
      {"upsample_bilinear", POME__IOS15,
       "x=fp32[1,2,3,4]{-1.5, -1.75, 2, 0.25, -1.75, 0, 0, -0.25, 1.75, 1.75, -1.5, -1.5, -0.25, "
       "1.25, 0.5, 1, 0.25, -1.25, 1.25, -2, 0.75, -1.25, -0, 2}; scale_factor_height=2; "
       "scale_factor_width=2",
       "fp32[1,2,6,8]{-1.5, -1.607143, -1.714286, -0.6785714, 0.9285714, 1.75, 1, 0.25, -1.6, "
       "-1.364286, -1.128571, -0.4071429, 0.5571429, 1.035714, 0.5428571, 0.05, -1.7, -1.121429, "
       "-0.5428571, -0.1357143, 0.1857143, 0.3214286, 0.08571429, -0.15, -1.05, -0.45, 0.15, "
       "0.1642857, -0.1142857, -0.3285714, -0.4142857, -0.5, 0.35, 0.65, 0.95, 0.4928571, "
       "-0.3428571, -0.9142857, -0.9571429, -1, 1.75, 1.75, 1.75, 0.8214286, -0.5714286, -1.5, "
       "-1.5, -1.5, -0.25, 0.3928571, 1.035714, 1.035714, 0.7142857, 0.5714286, 0.7857143, 1, "
       "-0.05, 0.07857143, 0.2071429, 0.4071429, 0.6428571, 0.6571429, 0.2285714, -0.2, 0.15, "
       "-0.2357143, -0.6214286, -0.2214286, 0.5714286, 0.7428571, -0.3285714, -1.4, 0.35, "
       "-0.3357143, -1.021429, -0.6071429, 0.3571429, 0.6857143, -0.2571429, -1.2, 0.55, "
       "-0.2214286, -0.9928571, -0.75, -2.844947e-16, 0.4857143, 0.4428571, 0.4, 0.75, -0.1071429, "
       "-0.9642857, -0.8928571, -0.3571429, 0.2857143, 1.142857, 2}",
       0},
      {"resize", POME__IOS17,
       "x=fp32[1,1,1,2,1]{-6.25, 9.5}; shape=int32[4]{1, 1, 3, 2}; resized_dims=uint32[]{2}; "
       "interpolation_mode=\"NEAREST_NEIGHBOR\"",
       "fp32[1,1,1,3,2]{-6.25, -6.25, 9.5, 9.5, 9.5, 9.5}", 0},
      {"resize", POME__IOS17,
       "x=int32[1,2]{0, 10}; shape=int32[2]{0, 4}; resized_dims=uint32[]{2}; "
       "sampling_mode=\"STRICT_ALIGN_CORNERS\"",
       "int32[1,4]{0, 3, 6, 10}", 0},
      {"resize", POME__IOS17,
       "x=fp32[1,2]{0, 1}; shape=int32[3]{1, 1, 4}; resized_dims=uint32[]{2}",
       "error: each may be at most the next", 0},
      {"crop", POME__IOS15,
       "x=fp32[1,2,3,4]{-1.5, -1.75, 2, 0.25, -1.75, 0, 0, -0.25, 1.75, 1.75, -1.5, -1.5, -0.25, "
       "1.25, 0.5, 1, 0.25, -1.25, 1.25, -2, 0.75, -1.25, -0, 2}; crop_height=int32[2]{1, 1}; "
       "crop_width=int32[2]{0, 2}",
       "fp32[1,2,1,2]{-1.75, 0, 0.25, -1.25}", 0},
      {"crop", POME__IOS15,
       "x=fp32[1,2,3,4]{-1.5, -1.75, 2, 0.25, -1.75, 0, 0, -0.25, 1.75, 1.75, -1.5, -1.5, -0.25, "
       "1.25, 0.5, 1, 0.25, -1.25, 1.25, -2, 0.75, -1.25, -0, 2}; crop_height=int32[2]{2, 2}; "
       "crop_width=int32[2]{0, 2}",
       "error: fewer elements than are cropped", 0},
      {"crop_resize", POME__IOS15,
       "x=fp32[1,1,4,4]{1..16}; roi=fp32[1,1,4,1,1]{1, 1, 2, 2}; target_height=2; target_width=2; "
       "sampling_mode=\"ALIGN_CORNERS\"",
       "fp32[1,1,1,2,2]{6, 7, 10, 11}", 0},
      {"crop_resize", POME__IOS15,
       "x=fp32[1,1,4,4]{1..16}; roi=fp32[1,1,4,1,1]{2, 2, 1, 1}; target_height=2; target_width=2; "
       "sampling_mode=\"ALIGN_CORNERS\"",
       "fp32[1,1,1,2,2]{11, 10, 7, 6}", 0},
      {"crop_resize", POME__IOS15,
       "x=fp32[1,1,4,4]{1..16}; roi=fp32[1,1,4,1,1]{1.5, 1.5, 1, 1}; "
       "box_coordinate_mode=\"CENTER_SIZE_WIDTH_FIRST\"; sampling_mode=\"ALIGN_CORNERS\"",
       "fp32[1,1,1,1,1]{8.5}", 0},
      {"crop_resize", POME__IOS15, /* a box outside of the image */
       "x=fp32[1,1,4,4]{1..16}; roi=fp32[1,1,4,1,1]{2, 2, 1, 1}; normalized_coordinates=true; "
       "target_height=2; target_width=2; sampling_mode=\"UNALIGN_CORNERS\"",
       "fp32[1,1,1,2,2]{3.5, 5.5, 11.5, 13.5}", 0},
      {"crop_resize", POME__IOS16,
       "x=fp32[1,1,4,4]{1..16}; roi=fp32[1,1,4,1,1]{2, 2, 1, 1}; normalized_coordinates=true; "
       "target_height=2; target_width=2; sampling_mode=\"UNALIGN_CORNERS\"; pad_value=9.0",
       "fp32[1,1,1,2,2]{3.5, 5.5, 11.5, 13.5}", 0},
      {"crop_resize", POME__IOS17,
       "x=fp32[1,1,4,4]{1..16}; boxes=fp32[1,4]{2, 2, 1, 1}; normalized_coordinates=true; "
       "target_height=2; target_width=2; sampling_mode=\"UNALIGN_CORNERS\"; pad_value=9.0",
       "fp32[1,1,2,2]{9*4}", 0},
      {"crop_resize", POME__IOS16,
       "x=fp32[1,1,4,4]{1..16}; roi=fp32[1,1,5,1,1]{0, 0.5, 1.8, 1.0, 0.3}; "
       "normalized_coordinates=true; target_height=2; target_width=2; "
       "sampling_mode=\"ALIGN_CORNERS\"; pad_value=10.0",
       "fp32[1,1,1,2,2]{10, 7.9, 10, 13.9}", 1e-05},
      {"crop_resize", POME__IOS17,
       "x=fp32[2,1,2,2]{1..8}; boxes=fp32[2,4]{0, 0, 1, 1, 0, 0, 0, 0}; box_indices=int32[2]{1, "
       "0}; "
       "sampling_mode=\"ALIGN_CORNERS\"",
       "fp32[2,1,1,1]{6.5, 1}", 0},
      {"crop_resize", POME__IOS17,
       "x=fp32[2,1,2,2]{1..8}; boxes=fp32[1,4]{0, 0, 1, 1}; box_indices=int32[1]{2}",
       "error: an image that is not there", 0},
      {"resample", POME__IOS15,
       "x=fp32[1,2,3,3]{0.25, -1.75, -0.25, 0.75, -1.75, -1, -2, 0.25, -0.5, 0, -0.75, 0.75, "
       "-1.25, "
       "1.75, 1.75, -0, -0.25, 1.5}; coordinates=fp32[1,2,3,2]{-0.625, 0.875, -0.625, 0.625, -0.5, "
       "0.25, 1.25, -1.25, 0.875, 0.125, -0.375, -0.375}; sampling_mode=\"bilinear\"; "
       "padding_mode=\"constant\"; padding_value=0.0; "
       "coordinates_mode=\"normalized_minus_one_to_one\"; align_corners=true",
       "fp32[1,2,2,3]{-1.035156, -0.7929688, -0.59375, -0.140625, -1.007812, -0.8828125, "
       "-0.09765625, -0.1054688, 0.15625, 0.421875, 1.691406, 0.2148438}",
       0},
      {"resample", POME__IOS15,
       "x=fp32[1,2,3,3]{0.25, -1.75, -0.25, 0.75, -1.75, -1, -2, 0.25, -0.5, 0, -0.75, 0.75, "
       "-1.25, "
       "1.75, 1.75, -0, -0.25, 1.5}; coordinates=fp32[1,2,3,2]{-0.625, 0.875, -0.625, 0.625, -0.5, "
       "0.25, 1.25, -1.25, 0.875, 0.125, -0.375, -0.375}; sampling_mode=\"bilinear\"; "
       "padding_mode=\"constant\"; padding_value=0.0; "
       "coordinates_mode=\"normalized_minus_one_to_one\"; align_corners=false",
       "fp32[1,2,2,3]{-1.27832, -1.706055, -0.4609375, -0.00390625, -0.6230469, -0.5019531, "
       "-0.01074219, -0.08105469, -0.3359375, 0.01171875, 1.170898, -0.1572266}",
       0},
      {"resample", POME__IOS15,
       "x=fp32[1,2,3,3]{0.25, -1.75, -0.25, 0.75, -1.75, -1, -2, 0.25, -0.5, 0, -0.75, 0.75, "
       "-1.25, "
       "1.75, 1.75, -0, -0.25, 1.5}; coordinates=fp32[1,2,3,2]{-0.625, 0.875, -0.625, 0.625, -0.5, "
       "0.25, 1.25, -1.25, 0.875, 0.125, -0.375, -0.375}; sampling_mode=\"bilinear\"; "
       "padding_mode=\"border\"; padding_value=0.0; "
       "coordinates_mode=\"normalized_minus_one_to_one\"; align_corners=true",
       "fp32[1,2,2,3]{-1.035156, -0.7929688, -0.59375, -0.25, -1.007812, -0.8828125, -0.09765625, "
       "-0.1054688, 0.15625, 0.75, 1.691406, 0.2148438}",
       0},
      {"resample", POME__IOS15,
       "x=fp32[1,2,3,3]{0.25, -1.75, -0.25, 0.75, -1.75, -1, -2, 0.25, -0.5, 0, -0.75, 0.75, "
       "-1.25, "
       "1.75, 1.75, -0, -0.25, 1.5}; coordinates=fp32[1,2,3,2]{-0.625, 0.875, -0.625, 0.625, -0.5, "
       "0.25, 1.25, -1.25, 0.875, 0.125, -0.375, -0.375}; sampling_mode=\"bilinear\"; "
       "padding_mode=\"border\"; padding_value=0.0; "
       "coordinates_mode=\"normalized_minus_one_to_one\"; align_corners=false",
       "fp32[1,2,2,3]{-1.859375, -1.706055, -0.4609375, -0.25, -0.90625, -0.5019531, -0.015625, "
       "-0.08105469, -0.3359375, 0.75, 1.703125, -0.1572266}",
       0},
      {"resample", POME__IOS15,
       "x=fp32[1,2,3,3]{0.25, -1.75, -0.25, 0.75, -1.75, -1, -2, 0.25, -0.5, 0, -0.75, 0.75, "
       "-1.25, "
       "1.75, 1.75, -0, -0.25, 1.5}; coordinates=fp32[1,2,3,2]{-0.625, 0.875, -0.625, 0.625, -0.5, "
       "0.25, 1.25, -1.25, 0.875, 0.125, -0.375, -0.375}; sampling_mode=\"bilinear\"; "
       "padding_mode=\"reflection\"; padding_value=0.0; "
       "coordinates_mode=\"normalized_minus_one_to_one\"; align_corners=true",
       "fp32[1,2,2,3]{-1.035156, -0.7929688, -0.59375, -0.765625, -1.007812, -0.8828125, "
       "-0.09765625, -0.1054688, 0.15625, 0.71875, 1.691406, 0.2148438}",
       0},
      {"resample", POME__IOS15,
       "x=fp32[1,2,3,3]{0.25, -1.75, -0.25, 0.75, -1.75, -1, -2, 0.25, -0.5, 0, -0.75, 0.75, "
       "-1.25, "
       "1.75, 1.75, -0, -0.25, 1.5}; coordinates=fp32[1,2,3,2]{-0.625, 0.875, -0.625, 0.625, -0.5, "
       "0.25, 1.25, -1.25, 0.875, 0.125, -0.375, -0.375}; sampling_mode=\"bilinear\"; "
       "padding_mode=\"symmetric\"; padding_value=0.0; "
       "coordinates_mode=\"normalized_minus_one_to_one\"; align_corners=false",
       "fp32[1,2,2,3]{-1.859375, -1.706055, -0.4609375, -0.25, -0.90625, -0.5019531, -0.015625, "
       "-0.08105469, -0.3359375, 0.75, 1.703125, -0.1572266}",
       0},
      {"resample", POME__IOS15,
       "x=fp32[1,1,2,2]{1..4}; coordinates=int32[1,1,3,2]{0, 1, 1, 0, 2, 0}; "
       "sampling_mode=\"nearest\"; padding_mode=\"constant\"; padding_value=9.0; "
       "coordinates_mode=\"unnormalized\"; align_corners=true",
       "fp32[1,1,1,3]{3, 2, 9}", 0},
      {"resample", POME__IOS15,
       "x=fp32[1,1,2,2]{1..4}; coordinates=fp32[1,1,4,2]{-2.5, -4.5, -7.9, -2.5, -0.5, -0.5, 6.5, "
       "1.9}; sampling_mode=\"nearest\"; padding_mode=\"symmetric\"; padding_value=9.0; "
       "coordinates_mode=\"unnormalized\"; align_corners=false",
       "fp32[1,1,1,4]{2, 3, 1, 3}", 0},
      {"resample", POME__IOS15,
       "x=fp32[1,1,1,3]{1..3}; coordinates=fp32[1,1,4,2]{-0.6, 0, 2.5, 0, 3.5, 5, 9, 0}; "
       "sampling_mode=\"nearest\"; padding_mode=\"reflection\"; padding_value=9.0; "
       "coordinates_mode=\"unnormalized\"; align_corners=true",
       "fp32[1,1,1,4]{2, 3, 1, 2}", 0},
      {"resample", POME__IOS15,
       "x=fp32[1,1,2,2]{1..4}; coordinates=fp32[1,1,3,2]{nan, 0, inf, 1, -inf, 0}; "
       "sampling_mode=\"bilinear\"; padding_mode=\"border\"; padding_value=9.0; "
       "coordinates_mode=\"unnormalized\"; align_corners=true",
       "fp32[1,1,1,3]{1, 4, 1}", 0},
      {"affine", POME__IOS15,
       "x=fp32[1,2,3,3]{0.25, -1.75, -0.25, 0.75, -1.75, -1, -2, 0.25, -0.5, 0, -0.75, 0.75, "
       "-1.25, "
       "1.75, 1.75, -0, -0.25, 1.5}; transform_matrix=fp32[1,6]{0.5, -0.25, 0.125, 0.25, 1, -0.5}; "
       "output_height=4; output_width=3; sampling_mode=\"bilinear\"; padding_mode=\"constant\"; "
       "padding_value=0.0; coordinates_mode=\"normalized_minus_one_to_one\"; align_corners=true",
       "fp32[1,2,4,3]{-0.375, -0.59375, -0.328125, -1.069444, -1.463542, -0.9088542, -0.6996528, "
       "-1.713542, -1.244792, -0.4296875, -0.734375, -0.390625, -0.1640625, -0.09375, 0.421875, "
       "-0.4869792, -0.07291667, 0.9114583, 0.04947917, 1.34375, 1.662326, -0.1171875, 0.578125, "
       "0.7421875}",
       0},
  };
  OP_CASES_RUN(cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_resize),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
