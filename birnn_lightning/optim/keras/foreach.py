"""torch's operations on lists of tensors, which torch itself names with an underscore."""

# pyright: reportPrivateImportUsage=false
from torch import _foreach_abs as abs
from torch import _foreach_add as add
from torch import _foreach_add_ as add_
from torch import _foreach_addcdiv_ as addcdiv_
from torch import _foreach_addcmul as addcmul
from torch import _foreach_addcmul_ as addcmul_
from torch import _foreach_clamp_max_ as clamp_max_
from torch import _foreach_clamp_min as clamp_min
from torch import _foreach_clamp_min_ as clamp_min_
from torch import _foreach_copy_ as copy_
from torch import _foreach_div as div
from torch import _foreach_div_ as div_
from torch import _foreach_lerp_ as lerp_
from torch import _foreach_maximum_ as maximum_
from torch import _foreach_mul as mul
from torch import _foreach_mul_ as mul_
from torch import _foreach_norm as norm
from torch import _foreach_sign_ as sign_
from torch import _foreach_sqrt as sqrt
from torch import _foreach_sqrt_ as sqrt_
from torch import _foreach_sub_ as sub_
from torch import _foreach_zero_ as zero_

__all__ = [
    "abs",
    "add",
    "add_",
    "addcdiv_",
    "addcmul",
    "addcmul_",
    "clamp_max_",
    "clamp_min",
    "clamp_min_",
    "copy_",
    "div",
    "div_",
    "lerp_",
    "maximum_",
    "mul",
    "mul_",
    "norm",
    "sign_",
    "sqrt",
    "sqrt_",
    "sub_",
    "zero_",
]
