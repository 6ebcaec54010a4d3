# Estimates of tests/analysis/data/survey.csv with missing trust filled in three ways,
# combined by R mitools and mice. Writes imputation.json beside this script:
# Rscript tests/analysis/references/imputation.R
suppressMessages(library(survey))
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
d <- read.csv(file.path(here, "..", "data", "survey.csv"), stringsAsFactors = FALSE)
row <- seq_len(nrow(d))
missing <- is.na(d$trust) | row %% 3 == 0
fill <- function(k) {
  d$trust[missing] <- ((row * 7) %% 8 + k)[missing]
  svydesign(~cluster, strata = ~stratum, weights = ~design_weight, data = d)
}
designs <- lapply(1:3, fill)

combined <- function(fits, complete) {
  large <- mitools::MIcombine(lapply(fits, coef), lapply(fits, vcov))
  m <- length(fits)
  total <- diag(vcov(large))
  within <- rowMeans(sapply(fits, function(fit) diag(as.matrix(vcov(fit)))))
  # mitools' degrees of freedom with complete data leave out the factor 1 + 1 / m.
  between <- (total - within) / (1 + 1 / m)
  list(estimate = unname(coef(large)), covariance = unname(vcov(large)),
       df_large = unname(large$df), missing_large = unname(large$missinfo),
       df = unname(mice:::barnard.rubin(m, between, total, complete)))
}
countries <- lapply(designs, function(design)
  svyby(~trust, ~country, design, svymean, covmat = TRUE))
regressions <- lapply(designs, function(design) svyglm(trust ~ country, design))

writeLines(jsonlite::toJSON(list(
  made_with = paste(R.version.string, "survey", packageVersion("survey"), "mitools",
                    packageVersion("mitools"), "mice", packageVersion("mice")),
  countries = combined(countries, sapply(sort(unique(d$country)), function(g)
    degf(subset(designs[[1]], country == g)))),
  differences = combined(
    lapply(regressions, function(fit) svycontrast(fit, cbind(0, diag(3)))),
    rep(degf(designs[[1]]), 3))
), digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(here, "imputation.json"))
