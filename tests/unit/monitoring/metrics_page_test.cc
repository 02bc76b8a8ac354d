// docs/reference/metrics.md and what the server exposes are the same set, with the same types, labels and words.
#include <fstream>
#include <map>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitoring/metrics.h"
#include "tests/testlib/manual_clock.h"

namespace bulkhead::monitoring {
namespace {

struct Described {
  std::string type, labels, help;
  bool operator==(const Described&) const = default;
};

void PrintTo(const Described& described, std::ostream* out) {
  *out << described.type << " [" << described.labels << "] " << described.help;
}

std::string without_backticks(std::string text) {
  std::erase(text, '`');
  return text;
}

// "| `name` | type | `label` `label` | meaning |"
std::map<std::string, Described> read_page() {
  std::ifstream page{std::string{BULKHEAD_SOURCE_DIR} + "/docs/reference/metrics.md"};
  std::map<std::string, Described> found;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| `bulkhead_")) continue;
    std::vector<std::string> cells;
    std::istringstream parts{line.substr(2)};
    for (std::string cell; std::getline(parts, cell, '|');) {
      const auto first = cell.find_first_not_of(' ');
      cells.push_back(first == std::string::npos ? "" : cell.substr(first, cell.find_last_not_of(' ') - first + 1));
    }
    if (cells.size() < 4) {
      ADD_FAILURE() << "not four cells: " << line;
      continue;
    }
    const auto name = without_backticks(cells[0]);
    EXPECT_TRUE(found.emplace(name, Described{cells[1], without_backticks(cells[2]), cells[3]}).second)
        << name << " is described twice";
  }
  return found;
}

TEST(MetricsPage, DescribesTheTableOfMetrics) {
  std::map<std::string, Described> declared;
  for (const auto& spec : metric_table()) {
    declared[std::string{spec.name}] = {std::string{to_string(spec.type)}, std::string{spec.labels},
                                        std::string{spec.help}};
  }
  EXPECT_EQ(declared.size(), kMetricCount) << "two metrics have the same name";
  EXPECT_EQ(read_page(), declared);
}

TEST(MetricsPage, DescribesExactlyWhatIsExposed) {
  testlib::ManualClock clock;
  Metrics metrics{{}, clock};
  std::istringstream text{metrics.exposition()};
  std::map<std::string, std::string> exposed;
  for (std::string word; text >> word;) {
    std::string kind, name, type;
    if (word != "#") continue;
    text >> kind >> name >> type;
    if (kind == "TYPE") exposed[name] = type;
  }
  std::map<std::string, std::string> described;
  for (const auto& [name, what] : read_page()) described[name] = what.type;
  EXPECT_EQ(described, exposed);
}

TEST(MetricsPage, NamesFollowTheRules) {
  for (const auto& spec : metric_table()) {
    EXPECT_TRUE(spec.name.starts_with("bulkhead_")) << spec.name;
    EXPECT_EQ(spec.name.ends_with("_total"), spec.type == MetricType::kCounter) << spec.name;
    EXPECT_TRUE(spec.help.ends_with(".")) << spec.name;
  }
}

}  // namespace
}  // namespace bulkhead::monitoring
