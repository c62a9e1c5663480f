// tensors.hpp — the tensors of a call, as PyTorch hands them over: checked, and reduced to addresses and strides.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "call.hpp"

namespace tidegate {

namespace nb = nanobind;

// The C functions by which a package hands out its tensors: DLPack 1.3's DLPackExchangeAPI. Newer versions of PyTorch
// have them; to ask a tensor's attributes in their place takes longer than a short sequence does.
struct Exchange {
  struct {
    std::uint32_t major, minor;
  } version;
  void* older;
  void *allocate, *managed_of, *to_python;
  int (*look_at)(void* tensor, nb::dlpack::dltensor* found);
  void* stream;
};
inline const Exchange* exchange = nullptr;

enum class Kind { other, float32, float64, int64, byte };

inline Index bytes_of(Kind kind) { return kind == Kind::byte ? 1 : kind == Kind::float32 ? 4 : 8; }

// A tensor of at most three axes with its numbers in memory as they are.
struct Seen {
  char* at;
  Kind kind;
  int axes;
  Index shape[3], stride[3];

  Index count() const {
    Index product = 1;
    for (int axis = 0; axis < axes; ++axis) product *= shape[axis];
    return product;
  }
  bool has_shape(std::initializer_list<Index> wanted) const {
    return axes == static_cast<int>(wanted.size()) && std::equal(wanted.begin(), wanted.end(), shape);
  }
  bool is_dense() const {
    if (count() == 0) return true;
    Index next = 1;
    for (int axis = axes - 1; axis >= 0; --axis) {
      if (shape[axis] != 1 && stride[axis] != next) return false;
      next *= shape[axis];
    }
    return true;
  }
};

inline bool see_by_exchange(nb::handle tensor, Seen& seen) {
  nb::dlpack::dltensor t{};
  if (exchange->look_at(tensor.ptr(), &t) != 0) throw nb::python_error();
  if (t.device.device_type != nb::device::cpu::value || t.ndim > 3 || t.dtype.lanes != 1) return false;
  seen.at = static_cast<char*>(t.data) + t.byte_offset;
  seen.axes = t.ndim;
  for (int axis = 0; axis < t.ndim; ++axis) seen.shape[axis] = t.shape[axis], seen.stride[axis] = t.strides[axis];
  using Code = nb::dlpack::dtype_code;
  const auto code = static_cast<Code>(t.dtype.code);
  const int bits = t.dtype.bits;
  seen.kind = code == Code::Float && bits == 32 ? Kind::float32
              : code == Code::Float && bits == 64 ? Kind::float64
              : code == Code::Int && bits == 64   ? Kind::int64
              : code == Code::UInt && bits == 8   ? Kind::byte
                                                  : Kind::other;
  return true;
}

inline bool see_by_attributes(nb::handle tensor, Seen& seen) {
  const auto shape = nb::cast<nb::tuple>(tensor.attr("shape")), stride = nb::cast<nb::tuple>(tensor.attr("stride")());
  const std::size_t axes = nb::len(shape);
  if (!nb::cast<bool>(tensor.attr("is_cpu")) || axes > 3) return false;
  seen.at = reinterpret_cast<char*>(nb::cast<std::uintptr_t>(tensor.attr("data_ptr")()));
  seen.axes = static_cast<int>(axes);
  for (std::size_t axis = 0; axis < axes; ++axis)
    seen.shape[axis] = nb::cast<Index>(shape[axis]), seen.stride[axis] = nb::cast<Index>(stride[axis]);
  const nb::str dtype = nb::repr(tensor.attr("dtype"));
  const auto is = [&](const char* name) { return std::strcmp(dtype.c_str(), name) == 0; };
  seen.kind = is("torch.float32")   ? Kind::float32
              : is("torch.float64") ? Kind::float64
              : is("torch.int64")   ? Kind::int64
              : is("torch.uint8")   ? Kind::byte
                                    : Kind::other;
  return true;
}

// Whether all numbers of the tensor lie in its storage, which may have been made smaller since.
inline bool is_within_storage(nb::handle tensor, const Seen& seen) {
  if (seen.count() == 0) return true;
  Index last = 0;
  for (int axis = 0; axis < seen.axes; ++axis) last += (seen.shape[axis] - 1) * seen.stride[axis];
  const nb::object storage = tensor.attr("untyped_storage")();
  const auto start = nb::cast<std::uintptr_t>(storage.attr("data_ptr")());
  const auto end = start + nb::cast<std::size_t>(storage.attr("nbytes")());
  const auto at = reinterpret_cast<std::uintptr_t>(seen.at);
  return at >= start && at + static_cast<std::size_t>((last + 1) * bytes_of(seen.kind)) <= end;
}

// Whether the tensor's memory was freed: where a view would begin is then its offset alone.
inline bool is_freed(nb::handle tensor, const Seen& seen) {
  if (reinterpret_cast<std::uintptr_t>(seen.at) >> 32 || seen.count() == 0) return false;
  return !seen.at || nb::cast<std::size_t>(tensor.attr("untyped_storage")().attr("nbytes")()) == 0;
}

// False where a tensor is none of those that `Seen` can tell.
inline bool see(nb::handle tensor, Seen& seen) {
  static PyObject* const is_neg = PyUnicode_InternFromString("is_neg");
  try {
    if (!(exchange ? see_by_exchange(tensor, seen) : see_by_attributes(tensor, seen))) return false;
    const nb::object negated = nb::steal(PyObject_CallMethodNoArgs(tensor.ptr(), is_neg));
    if (!negated.is_valid()) throw nb::python_error();
    return negated.ptr() == Py_False && !is_freed(tensor, seen);
  } catch (nb::python_error&) {  // not a tensor, or one without memory
    return false;
  } catch (nb::cast_error&) {
    return false;
  }
}

// Reads the tensors of one call. `fits` falls as soon as one is not as the kernels need it, and stays so.
class Reader {
 public:
  bool fits = true;
  bool thorough = false;  // looks at storages too, which takes half a microsecond a tensor
  Kind kind = Kind::other;  // of all floating tensors

  Seen any(nb::handle tensor) {
    Seen seen{};
    if (!see(tensor, seen) || (thorough && !is_within_storage(tensor, seen))) fits = false;
    return seen;
  }
  // Null for None.
  char* dense(nb::handle tensor, std::initializer_list<Index> shape) {
    return tensor.is_none() ? nullptr : numbers(tensor, shape, kind);
  }
  char* needed(nb::handle tensor, std::initializer_list<Index> shape) { return numbers(tensor, shape, kind); }
  // [T, B, N], from the `skip`-th number of its rows on; null for None.
  Rows rows(nb::handle tensor, Index T, Index B, Index N, Index skip) {
    if (tensor.is_none()) return {};
    const Seen seen = any(tensor);
    fits = fits && seen.kind == kind && seen.has_shape({T, B, N}) && (seen.stride[2] == 1 || N == 1 || seen.count() == 0);
    return {seen.at ? seen.at + skip * bytes() : nullptr, seen.stride[0], seen.stride[1]};
  }
  // Sets the lengths of the call's sequences or, where the tensor [3, B] has them too, their rows of x and first steps.
  void lengths(nb::handle tensor, Index rows, Call& call) {
    const Index B = call.B, T = call.T;
    const Seen seen = tensor.is_none() ? Seen{} : any(tensor);
    const bool pieces = seen.axes == 2;
    fits = fits && (pieces || B == rows);
    if (tensor.is_none()) return;
    fits = fits && seen.kind == Kind::int64 && (pieces ? seen.has_shape({3, B}) : seen.has_shape({B})) && seen.is_dense();
    if (!fits) return;
    const auto* at = reinterpret_cast<const Index*>(seen.at);
    if (pieces) call.rows = at, call.first = at + B, at += 2 * B;
    call.lengths = at;
    for (Index b = 0; fits && b < B; ++b) fits = at[b] >= 0 && at[b] <= T;
    for (Index b = 0; fits && pieces && b < B; ++b)
      fits = call.rows[b] >= 0 && call.rows[b] < rows && call.first[b] >= 0 && call.first[b] <= T - at[b];
  }
  Index bytes() const { return kind == Kind::float64 ? 8 : 4; }

 private:
  char* numbers(nb::handle tensor, std::initializer_list<Index> shape, Kind wanted) {
    const Seen seen = any(tensor);
    fits = fits && seen.kind == wanted && seen.has_shape(shape) && seen.is_dense();
    return seen.at;
  }
};

}  // namespace tidegate
