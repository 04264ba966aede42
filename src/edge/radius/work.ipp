// One packet on its way through the responder. Included by its sources alone.
#pragma once

#include "edge/radius/responder.hpp"

namespace dayaq::edge::radius {

enum class Status : std::uint32_t { start = 1, stop = 2, interim = 3, on = 7, off = 8 };

struct Responder::Work {
  const Incoming* in = nullptr;
  std::optional<Packet> packet;
  std::uint32_t client = 0;
  Candidates candidates;
  std::uint64_t fingerprint = 0;

  // accounting
  Status status = Status::start;
  std::uint64_t nas = 0;
  std::uint64_t octets = 0;
  LeaseId lease;
  std::optional<Mark> mark;
  std::uint32_t slot = no_session;

  // decided
  Entitlement entitlement;
  Verdict verdict;
};

}  // namespace dayaq::edge::radius
