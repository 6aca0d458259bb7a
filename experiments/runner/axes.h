// Values of keys that an experiment does not list one by one: ranges, and points at random.
#pragma once

#include <cstdint>
#include <vector>

#include "experiments/runner/experiment.h"

namespace runner {

// Turns the ranges of varied keys into lists of values: equal steps or equal factors from one end to the other, without
// repetitions. Quantities keep four significant digits, numbers six; whole numbers stay whole. A parameter of the model
// without ends has those of its entry's likely range. Throws InputError.
void expand_axes(Experiment& experiment);

// A Latin hypercube (McKay, Beckman and Conover 1979): each key's range, or list, is divided into `count` parts of
// equal probability, each part is used once, in an order of the key's own. The order and the place within a part come
// from a random stream of the key's name, so that adding a key leaves the values of the others as they were.
class LatinHypercube {
 public:
  explicit LatinHypercube(const Experiment& experiment);  // which has a sample; throws InputError

  std::size_t count() const { return count_; }
  std::vector<Override> at(std::size_t i) const;  // a value for every key

 private:
  struct Column {
    Axis axis;
    std::vector<std::uint32_t> order;  // part of the range, by point
    std::vector<float> within;         // place in that part, from 0 to 1
  };
  std::size_t count_;
  std::vector<Column> columns_;
};

}  // namespace runner
