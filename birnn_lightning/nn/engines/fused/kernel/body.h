/* Everything of one precision. */
#include "precision.h"
#include "activations.h"
#include "pairs.h"
#include "products.h"
#include "packing.h"
#include "forward_units.h"
#include "forward_sums.h"
#include "forward.h"
#include "backward_units.h"
#include "weight_gradients.h"
#include "backward.h"
#include "tasks.h"
#include "embedding.h"
#undef LANES
#undef Vector
#undef Mask
#undef ROW_SUMS
