// What the engine's tests share: an edge with a journal in a folder of its own, and a fake replica.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "edge/engine.hpp"
#include "edge/fake_replica.hpp"

namespace dayaq::edge::testing_support {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

struct Folder {
  Folder() {
    std::string name = testing::TempDir() + "engine.XXXXXX";
    path = ::mkdtemp(name.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

inline feed::BenefitLine data_of(std::uint64_t quota, feed::QuotaPeriod period = feed::QuotaPeriod::day) {
  feed::BenefitLine line;
  line.kind = feed::Benefit::data;
  line.unit = feed::Unit::octets;
  line.delivered_on = 7;
  line.traffic_class = "education";
  line.limited = quota != 0;
  line.quota = quota;
  line.quota_period = period;
  return line;
}

/// One edge: journal, engine, replica; restart() is a stop and a start.
struct Edge {
  explicit Edge(EngineOptions with = {}, bool durable = true) : options(std::move(with)), on_disk(durable) {
    education = *services.add({.kind = feed::Benefit::data, .traffic_class = "education"});
    sms = *services.add({.kind = feed::Benefit::messages});
    options.folder = folder.path;
    options.slices.data_octets = 100;
    start();
  }
  void start() {
    auto opened = Journal::open({.folder = folder.path, .segment_bytes = 64 << 10, .durable = on_disk});
    ASSERT_TRUE(opened) << opened.error().detail;
    journal = std::move(*opened);
    auto made = Engine::open(options, services, replica, *journal, now);
    ASSERT_TRUE(made) << made.error().detail;
    engine = std::move(*made);
  }
  void stop() {
    engine.reset();
    journal.reset();
  }
  void restart() {
    stop();
    start();
  }
  Verdict ask(Ask ask) { return engine->decide(ask, now); }
  Ask data(std::uint64_t session, std::uint32_t number, Phase phase, std::uint64_t used = 0,
           std::uint64_t requested = 0) const {
    Ask ask;
    ask.key = 1;
    ask.service = education;
    ask.lease = {.high = session, .low = session * 77};
    ask.number = number;
    ask.phase = phase;
    ask.used = used;
    ask.requested = requested;
    return ask;
  }
  void tick_for(seconds time) {
    for (seconds passed{0}; passed < time; passed += seconds(10)) {
      now += seconds(10);
      engine->tick(now);
    }
  }

  Folder folder;
  EngineOptions options;
  bool on_disk;
  ServiceTable services;
  ServiceIndex education = no_service;
  ServiceIndex sms = no_service;
  FakeReplica replica{services};
  Instant now = *parse_instant("2026-11-21T08:00:00Z");
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Engine> engine;
};

}  // namespace dayaq::edge::testing_support
