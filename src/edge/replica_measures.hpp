// The measures that the feed has defined, compiled for decisions, and the definitions as they came.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "edge/replica.hpp"

namespace dayaq::edge {

[[nodiscard]] Measure compile(const feed::Definition& definition, const ServiceTable& services);

class Measures {
 public:
  explicit Measures(const ServiceTable& services) : services_(&services) {}

  /// Null if it was never defined. Stays where it is when it is defined anew.
  [[nodiscard]] const Measure* find(MeasureNumber number) const {
    if (number < first_.size()) [[likely]]
      return first_[number].get();
    const auto at = further_.find(number);
    return at == further_.end() ? nullptr : at->second.get();
  }
  /// Those of `definitions` that say something new, compiled.
  [[nodiscard]] std::vector<Measure> news(const std::vector<feed::Definition>& definitions) const;
  void put(Measure&& measure);
  /// Keeps definitions for save() and news(); put() is what makes them answer.
  void keep(const std::vector<feed::Definition>& definitions);
  [[nodiscard]] const std::map<MeasureNumber, feed::Definition>& definitions() const { return definitions_; }
  [[nodiscard]] std::size_t size() const { return definitions_.size(); }

  void clear();

  /// As blocks of the feed that nobody has to trust: they are read on the same boot, beside the image.
  Result<void> save(const std::filesystem::path& path) const;
  /// unavailable "replica.disk", invalid_input as feed::decode_own.
  Result<void> load(const std::filesystem::path& path);

 private:
  const ServiceTable* services_;
  std::vector<std::unique_ptr<Measure>> first_;  // by number; the centre counts from 1
  std::unordered_map<MeasureNumber, std::unique_ptr<Measure>> further_;
  std::map<MeasureNumber, feed::Definition> definitions_;
};

}  // namespace dayaq::edge
