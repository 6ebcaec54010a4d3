# Calibration, trimming, non-response classes and replicates fitted again, of
# tests/analysis/data/survey.csv by R survey.
# Writes weighting_calibration.json beside this script: Rscript tests/analysis/references/weighting_calibration.R
suppressMessages(library(survey))
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
d <- read.csv(file.path(here, "..", "data", "survey.csv"), stringsAsFactors = FALSE,
              na.strings = c("", "NA"))
margins <- read.csv(file.path(here, "..", "data", "population.csv"),
                    stringsAsFactors = FALSE, na.strings = "")

# Counts as shares of each country's sum of design weights.
size <- tapply(d$design_weight, d$country, sum)
targets <- function(rows, columns) {
  table <- rows[, c("country", columns, "population")]
  of <- table$country
  table$Freq <- table$population / tapply(table$population, of, sum)[of] * size[of]
  table$population <- NULL
  table
}
age_gender <- targets(margins[!is.na(margins$age_group), ], c("age_group", "gender"))
education <- targets(margins[!is.na(margins$education), ], "education")
schools <- aggregate(Freq ~ education, education, sum)

# Margins of each country as one system of regressors: all cells of age by gender, and
# two of three levels of education, because the third follows.
d$cell <- interaction(d$country, d$age_group, d$gender, drop = TRUE)
cells <- with(age_gender, setNames(Freq, paste("cell", country, ".", age_group, ".",
                                               gender, sep = "")))
cells <- cells[paste0("cell", levels(d$cell))]
for (row in which(education$education != "high")) {
  name <- paste(education$education[row], education$country[row], sep = "_")
  d[[name]] <- as.numeric(d$country == education$country[row] &
                            d$education == education$education[row])
  cells[name] <- education$Freq[row]
}
both <- reformulate(c("0", "cell", names(cells)[-seq_along(levels(d$cell))]))

design <- svydesign(~cluster, strata = ~stratum, weights = ~design_weight, data = d)
finite <- svydesign(~cluster, strata = ~stratum, weights = ~design_weight, fpc = ~n_psu,
                    data = d)
alike <- svydesign(~cluster, strata = ~stratum, weights = ~n_psu, data = d)
jackknife <- as.svrepdesign(design, type = "JKn")

# Numbers: 3 % more and 4 % less than the sample says, in all and in each country.
numbers <- c("(Intercept)" = sum(size), colSums(d$design_weight * d[c("psu", "long_list")]) *
               c(1.03, 0.96))
each <- ~ 0 + country + country:psu + country:male
d$male <- as.numeric(d$gender == "male")
design$variables$male <- d$male
of_gender <- xtabs(Freq ~ country + gender, age_gender)
each_totals <- c(size, 1.03 * tapply(d$design_weight * d$psu, d$country, sum),
                 of_gender[names(size), "male"])
names(each_totals) <- paste0("country", names(size), rep(c("", ":psu", ":male"),
                                                         each = length(size)))

scaled <- schools$Freq / sum(schools$Freq) * sum(d$n_psu)
per_cluster <- setNames(c(sum(d$n_psu), scaled[2:3], 0.96 * sum(d$n_psu * d$long_list)),
                        c("(Intercept)", "educationlow", "educationmiddle", "long_list"))

fit <- function(design, formula, population, calfun, ...)
  calibrate(design, formula, population, calfun = calfun, epsilon = 1e-12, maxit = 500,
            ...)
exactly <- list(maxit = 1000, epsilon = 1e-14)
tables <- list(age_gender, education)
by <- list(~country + age_group + gender, ~country + education)
raked <- rake(design, by, tables, exactly)

designs <- list(
  linear = fit(design, both, cells, "linear"),
  linear_finite = fit(finite, both, cells, "linear"),
  raking = fit(design, both, cells, "raking"),
  logit = fit(design, both, cells, "logit", bounds = c(0.4, 2.2)),
  linear_bounded = fit(design, both, cells, "linear", bounds = c(0.65, 1.6)),
  raking_bounded = fit(design, both, cells, "raking", bounds = c(0.65, 1.6)),
  numbers = fit(design, ~psu + long_list, numbers, "linear"),
  numbers_raking = fit(design, ~psu + long_list, numbers, "raking"),
  mixed = fit(design, each, each_totals, "linear"),
  mixed_raking = fit(design, each, each_totals, "raking"),
  mixed_logit = fit(design, each, each_totals, "logit", bounds = c(0.5, 2)),
  clusters = fit(alike, ~education + long_list, per_cluster, "linear",
                 aggregate.stage = 1),
  clusters_raking = fit(alike, ~education + long_list, per_cluster, "raking",
                        aggregate.stage = 1),
  trim = trimWeights(design, upper = 700, lower = 150, strict = TRUE),
  trim_once = trimWeights(design, upper = 700, lower = 150, strict = FALSE),
  trim_raked = trimWeights(raked, upper = 700, lower = 150, strict = TRUE),
  jackknife_rake = rake(jackknife, by, tables, exactly),
  jackknife_poststratify = postStratify(jackknife, by[[1]], age_gender),
  jackknife_linear = fit(jackknife, both, cells, "linear"),
  jackknife_raking = fit(jackknife, both, cells, "raking"),
  jackknife_logit = fit(jackknife, both, cells, "logit", bounds = c(0.4, 2.2)),
  jackknife_numbers = fit(jackknife, ~psu + long_list, numbers, "linear"))

# Non-response by hand: those who reported their education stand for their class.
responded <- !is.na(d$education_asked)
class <- interaction(d$country, d$urban)
d$nonresponse_weight <- d$design_weight * ave(d$design_weight, class, FUN = sum) /
  ave(d$design_weight * responded, class, FUN = sum)
designs$nonresponse <- svydesign(~cluster, strata = ~stratum,
                                 weights = ~nonresponse_weight, data = d[responded, ])

cases <- lapply(designs, function(design) {
  fit <- svymean(~trust, design, na.rm = TRUE)
  total <- svytotal(~aware, design, na.rm = TRUE)
  domain <- svymean(~trust, subset(design, urban == "True"), na.rm = TRUE)
  of_age <- svyby(~trust, ~age_group, design, svymean, na.rm = TRUE)
  list(weights = weights(design, "sampling")[c(TRUE, rep(FALSE, 6))],
       mean = c(coef(fit), SE(fit)), total = c(coef(total), SE(total)),
       domain = c(coef(domain), SE(domain)), by_age = c(of_age$trust, SE(of_age)))
})
cases <- lapply(cases, function(case) lapply(case, unname))

writeLines(jsonlite::toJSON(list(
  made_with = paste(R.version.string, "survey", packageVersion("survey")), cases = cases
), digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(here, "weighting_calibration.json"))
