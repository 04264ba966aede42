// A child process that is killed at work. @see tests/support/kill.hpp
#pragma once

#include "support/kill.hpp"

namespace dayaq::identity {
namespace kill_test = dayaq::kill_test;
}  // namespace dayaq::identity
