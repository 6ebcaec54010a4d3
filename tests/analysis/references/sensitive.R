# List experiment of tests/analysis/data/survey.csv by R survey.
# Writes sensitive.json beside this script: Rscript tests/analysis/references/sensitive.R
suppressMessages(library(survey))
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
d <- read.csv(file.path(here, "..", "data", "survey.csv"), stringsAsFactors = FALSE)
design <- svydesign(~cluster, strata = ~stratum, weights = ~design_weight, data = d)

difference <- function(part) {
  fit <- svyglm(items ~ long_list, part)
  c(coef(fit)[["long_list"]], SE(fit)[["long_list"]])
}

# Direct share minus list estimate: the total of the summed linearised variables.
bias <- function(inside) {
  w <- weights(design)
  linearised <- function(y, chosen) {
    value <- ifelse(chosen, y, 0)
    mean <- sum(w * value) / sum(w[chosen])
    list(mean = mean, z = ifelse(chosen, value - mean, 0) / sum(w[chosen]))
  }
  long <- linearised(d$items, inside & d$long_list == 1 & !is.na(d$items))
  short <- linearised(d$items, inside & d$long_list == 0 & !is.na(d$items))
  direct <- linearised(d$direct, inside & !is.na(d$direct))
  c(direct$mean - long$mean + short$mean,
    sqrt(vcov(svytotal(direct$z - long$z + short$z, design))[1]))
}

counted <- subset(design, !is.na(items))

# Types implied by both lists (Blair and Imai 2012): the difference of two distribution
# functions is the coefficient of a regression on the list.
n_items <- max(d$items[d$long_list == 0], na.rm = TRUE)
type <- function(y, holds) {
  up_to <- if (holds) y - 0 * d$long_list else y - 1 + d$long_list
  part <- subset(update(design, below = as.numeric(items <= up_to)), !is.na(items))
  fit <- svyglm(below ~ long_list, part)
  c(if (holds) -1 else 1, 1) * c(coef(fit)[["long_list"]], SE(fit)[["long_list"]])
}
types <- rbind(t(sapply(0:n_items, type, holds = TRUE)),
               t(sapply(0:n_items, type, holds = FALSE)))
extremes <- function(part) {
  m <- svymean(~I(as.numeric(items == 0)) + I(as.numeric(items == n_items)), part)
  cbind(coef(m), SE(m))
}
short <- subset(counted, long_list == 0)
countries <- sort(unique(d$country))
writeLines(jsonlite::toJSON(list(
  made_with = paste(R.version.string, "survey", packageVersion("survey")),
  all = difference(counted),
  by = t(sapply(countries, function(g) difference(subset(counted, country == g)),
                USE.NAMES = FALSE)),
  urban = difference(subset(counted, urban == "True")),
  n_items = n_items,
  types = types,
  extremes = unname(extremes(short)),
  extremes_cn = unname(extremes(subset(short, country == "CN"))),
  bias_all = bias(rep(TRUE, nrow(d))),
  bias_by = t(sapply(countries, function(g) bias(d$country == g), USE.NAMES = FALSE))
), digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(here, "sensitive.json"))
