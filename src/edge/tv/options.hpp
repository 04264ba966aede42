// What an operator says about its TV: which address is which channel, and which package it belongs to.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/siphash.hpp"
#include "edge/types.hpp"

namespace dayaq::edge::tv {

/// A channel is all addresses below a prefix: "/hls/news/".
struct Channel {
  std::string name;                   ///< for pages and tokens: "news"
  std::string prefix;                 ///< begins and ends with '/'
  ServiceIndex service = no_service;  ///< its package
};

struct Options {
  std::vector<Channel> channels;          ///< the longest prefix that fits holds
  LineKind line = LineKind::tv;           ///< what line ids are numbers of
  SipKey feed_key;                        ///< for pseudonyms
  std::string line_header = "x-line-id";  ///< set by nginx from what it knows of the viewer's line
  std::string token_argument = "hdnts";   ///< query argument with a token, where the line isn't known
  Bytes token_key;                        ///< HMAC-SHA256; empty: no tokens
  std::string secure_link_secret;         ///< nginx secure_link_md5; empty: none are made
  bool passes = false;  ///< an answer brings a cookie by which nginx knows the viewer until it runs out
  std::chrono::seconds token_life{300};
  std::chrono::seconds allow_for{10};  ///< how long an answer may be taken for granted here
  std::chrono::seconds deny_for{5};
  std::chrono::seconds heartbeat{30};  ///< viewing is counted once in this time per line and channel
  std::size_t viewers_max = 2'000'000;
};

}  // namespace dayaq::edge::tv
