#include "api/metrics.h"

#include <cstdio>

namespace hone::api {

void MetricsText::counter(std::string_view name, std::string_view help, double value,
                          std::string_view labels) {
  add("counter", name, help, value, labels);
}

void MetricsText::gauge(std::string_view name, std::string_view help, double value,
                        std::string_view labels) {
  add("gauge", name, help, value, labels);
}

void MetricsText::add(std::string_view type, std::string_view name, std::string_view help,
                      double value, std::string_view labels) {
  if (name != last_name_) {
    text_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
    text_.append(name).append(" ").append(type).append("\n");
    last_name_ = name;
  }
  char number[32];
  std::snprintf(number, sizeof number, "%.15g", value);
  text_.append(name);
  if (!labels.empty()) text_.append("{").append(labels).append("}");
  text_.append(" ").append(number).append("\n");
}

}  // namespace hone::api
