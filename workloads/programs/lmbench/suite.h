// The results of lmbench and the loops that each is made of.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "workloads/programs/lmbench/benchmarks.h"

namespace guest {

// A loop that counts towards a result; lmbench subtracts some from others.
struct TestPart {
  Loop loop;
  double weight = 1;   // of one iteration in the result
  u32 iterations = 1;  // per sample
  u32 sets = 1;        // of fresh processes that run it, one after the other
};

struct LmbenchTest {
  std::string name;  // as published values have it
  std::vector<TestPart> parts;
};

const std::vector<LmbenchTest>& lmbench_tests();  // in the order of the paper's tables
std::vector<std::string> lmbench_test_names();

}  // namespace guest
